#pragma once
// QuotaTriggers: the last part of migrate, which enables the triggers that quotas.enforce asks for.
#include "ingest/postgres/migrate/migration_runner.h"

namespace usage_ingest::postgres::migrate {

// Changes all triggers in one transaction, and prints which mode is in effect and why. A dry run
// prints the statements.
Result<> SetQuotaTriggers(blocking::SyncConnection& connection, const MigrateOptions& options,
                          MigrationRunner& runner);

}  // namespace usage_ingest::postgres::migrate
