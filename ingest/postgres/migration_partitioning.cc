#include "ingest/postgres/migration_partitioning.h"

#include <fmt/ostream.h>

#include "ingest/postgres/migration_runner.h"

namespace usage_ingest::ingest {
namespace {

Result<bool> IsPlainTable(SyncConnection& connection) {
  auto rows = connection.Execute(
      "SELECT relkind = 'r' FROM pg_class WHERE oid = to_regclass('public.usage_logs')");
  if (!rows) return std::unexpected(rows.error());
  return rows->count() == 1 && rows->boolean(0, 0);
}

}  // namespace

Result<> PartitionUsageLogs(SyncConnection& connection, MigrationRunner&) {
  const auto plain = IsPlainTable(connection);
  if (!plain) return std::unexpected(plain.error());
  if (!*plain) return {};
  return Fail(ErrorCode::kFatal, "public.usage_logs is not partitioned");
}

Result<> DescribePartitioning(SyncConnection& connection, std::ostream& out) {
  const auto plain = IsPlainTable(connection);
  if (!plain) return std::unexpected(plain.error());
  if (!*plain) fmt::print(out, "-- nothing to do\n");
  return {};
}

}  // namespace usage_ingest::ingest
