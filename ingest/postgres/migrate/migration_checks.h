#pragma once
// MigrationChecks: what migrate asks before its first step, and says after its last one.
#include <iosfwd>
#include <span>
#include <string>

#include "ingest/postgres/blocking/sync_connection.h"
#include "ingest/postgres/migrate/migrator.h"
#include "ingest/postgres/probe/probe.h"

namespace usage_ingest::postgres::migrate {

// What the rows of `sql` say: what is wrong, and its fix; a line for each.
[[nodiscard]] Result<std::string> FindObstacles(blocking::SyncConnection& connection,
                                                const std::string& sql);
// The same of a probe.
[[nodiscard]] std::string Lines(std::span<const probe::Finding> findings);

// kFatal with everything that stands in the way at once: server, rights, types of columns, nodes.
Result<> CheckBeforeMigrate(blocking::SyncConnection& connection, const MigrateOptions& options);

// What a person should know now; kFatal when the daemon would refuse this database all the same.
// `first_time`: the hand-over was part of this run.
Result<> ReportAfterMigrate(blocking::SyncConnection& connection, bool first_time,
                            std::ostream& out);

}  // namespace usage_ingest::postgres::migrate
