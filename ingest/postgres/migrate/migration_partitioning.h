#pragma once
// PartitionUsageLogs: makes a usage_logs that is not partitioned the first partition of one that
// is.
//
// Owner         MigrationRunner, step 0008.
#include <iosfwd>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::migrate {

class MigrationRunner;

Result<> PartitionUsageLogs(blocking::SyncConnection& connection, MigrationRunner& runner);
// Prints what it would do.
Result<> DescribePartitioning(blocking::SyncConnection& connection, std::ostream& out);

}  // namespace usage_ingest::postgres::migrate
