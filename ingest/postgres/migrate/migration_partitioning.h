#pragma once
// PartitionUsageLogs: makes a usage_logs that is not partitioned the first partition of one that
// is.
//
// Owner         MigrationRunner, step 0008.
#include <iosfwd>
#include <string>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::migrate {

class MigrationRunner;

// What stands in the way, with fixes, a line each; empty when nothing does.
Result<std::string> FindPartitioningObstacles(blocking::SyncConnection& connection);
Result<> PartitionUsageLogs(blocking::SyncConnection& connection, MigrationRunner& runner);
// Prints what it would do.
Result<> DescribePartitioning(blocking::SyncConnection& connection, std::ostream& out);

}  // namespace usage_ingest::postgres::migrate
