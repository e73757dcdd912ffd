#pragma once
// DeferredIndexes: what partitions.indexes asks for. `migrate` takes the secondary indexes from
// usage_logs, or gives them back.
//
// PostgreSQL cannot detach the index of a partition from that of its parent, and dropping the
// parent's drops it. But a partition that is detached keeps its indexes. So one transaction
// detaches all partitions, drops the indexes of usage_logs, which are empty then, and attaches the
// partitions again: no row is read and no index is built. CHECK constraints, which were validated
// before beside the writers, spare ATTACH its scan. An interrupted run leaves at most these, and
// the next one uses or drops them.
//
// The way back builds what is missing beside the writers; then CREATE INDEX on usage_logs adopts
// the indexes of the partitions.
//
// Names and definitions are kept as indexes of an empty table, the template. When usage_logs gets
// or loses a column, the template is made again, without the indexes that need a lost column.
//
// Limit         the transaction takes about 5 ms for each partition. Until it ends usage_logs and
//               the tables that it refers to can neither be read nor written.
// Source        PostgreSQL 15 manual, ALTER TABLE, "ATTACH PARTITION" and "DETACH PARTITION";
//               schema/sql/0036_defer_indexes.sql.
#include <string>

#include "ingest/postgres/migrate/migration_runner.h"

namespace usage_ingest::postgres::migrate {

// What stands in the way of options.partitions.indexes, a line each; "" when nothing does. Works
// before the first migrate.
[[nodiscard]] Result<std::string> FindIndexObstacles(blocking::SyncConnection& connection,
                                                     const MigrateOptions& options);

// A dry run prints the statements. REQUIRES: no obstacles.
[[nodiscard]] Result<> SetIndexes(blocking::SyncConnection& connection,
                                  const MigrateOptions& options, MigrationRunner& runner);

}  // namespace usage_ingest::postgres::migrate
