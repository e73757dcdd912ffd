#pragma once
// MigrationChecks: what migrate asks before its first step, and says after its last one.
#include <iosfwd>

#include "ingest/postgres/blocking/sync_connection.h"
#include "ingest/postgres/migrate/migrator.h"

namespace usage_ingest::postgres::migrate {

// kFatal with everything that stands in the way at once: server, rights, types of columns, nodes.
Result<> CheckBeforeMigrate(blocking::SyncConnection& connection, const MigrateOptions& options);

// What a person should know now; kFatal when the daemon would refuse this database all the same.
// `first_time`: the hand-over was part of this run.
Result<> ReportAfterMigrate(blocking::SyncConnection& connection, bool first_time,
                            std::ostream& out);

}  // namespace usage_ingest::postgres::migrate
