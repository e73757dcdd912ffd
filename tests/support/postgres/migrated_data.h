#pragma once
// MigratedData: the data directory of a PostgreSQL with a migrated database, for
// PostgresOptions::data. Most tests begin there, and to migrate costs each of them a second of CPU.
//
// Source        made once for each build of the daemon, which stands for the migrations; and for
//               each day, as `migrate` makes the partitions of the months to come.
#include <filesystem>
#include <functional>
#include <string>

#include "tests/support/postgres/postgres_cluster.h"

namespace usage_ingest::support {

// `name` tells one kind of database from another; `migrate` makes it in an empty cluster.
std::filesystem::path MigratedData(const std::string& name,
                                   const std::function<void(PostgresCluster&)>& migrate);

}  // namespace usage_ingest::support
