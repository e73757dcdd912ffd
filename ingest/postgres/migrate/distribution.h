#pragma once
// Distribution: `migrate --citus`, by which Citus distributes usage_logs by id, and the way back.
//
// By id, because the key of usage_logs is (id, created_at): whatever else changes, an event that
// comes twice meets its row. A distributed table has neither triggers nor foreign keys to local
// tables, so triggers of the parents act in the place of the keys. These triggers are all that is
// stored for the way back: their arguments are the keys.
//
// Each way is two transactions, and the catalogue says which are still to be done. So a run that
// failed is continued by the next one, and one that has nothing to do does nothing.
//
// Limit         one of the transactions copies all rows. Until it ends, usage_logs can be read and
//               not written; on the way back it cannot be read either.
// Source        Citus 13.2, "create_distributed_table", "undistribute_table".
#include <string>

#include "ingest/postgres/migrate/migration_runner.h"

namespace usage_ingest::postgres::migrate {

// What stands in the way of `options.distribution`, a line each with the SQL that removes it; ""
// when nothing does. Works before the first migrate.
[[nodiscard]] Result<std::string> FindDistributionObstacles(blocking::SyncConnection& connection,
                                                            const MigrateOptions& options);

// A dry run prints the statements. REQUIRES: no obstacles.
[[nodiscard]] Result<> SetDistribution(blocking::SyncConnection& connection,
                                       const MigrateOptions& options, MigrationRunner& runner);

}  // namespace usage_ingest::postgres::migrate
