#include "ingest/postgres/admin/repairs.h"

#include <algorithm>
#include <array>

#include "ingest/postgres/blocking/retry_while_locked.h"
#include "ingest/postgres/session/session_setup.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::admin {
namespace {

Result<> ApplyRange(blocking::SyncConnection& connection,
                    const std::vector<std::string>& statements, std::int64_t begin,
                    std::int64_t end) {
  const std::array<blocking::SyncParam, 2> range = {std::to_string(begin), std::to_string(end)};
  auto transaction = blocking::SyncTransaction::Begin(
      connection, "BEGIN; " + session::SetLockTimeout(limits::kLockTimeoutRebuild));
  if (!transaction) return std::unexpected(transaction.error());
  for (const std::string& statement : statements) {
    if (auto done = connection.Query(statement, range); !done) {
      return std::unexpected(done.error());
    }
  }
  return transaction->Commit();
}

}  // namespace

Result<> ApplyRepairs(blocking::SyncConnection& connection, std::int64_t count,
                      std::string_view table, const std::vector<std::string>& statements,
                      const RebuildOptions& options) {
  const std::int64_t step = std::max(1, options.rows_per_transaction);
  for (std::int64_t begin = 0; begin < count; begin += step) {
    const std::int64_t end = std::min(begin + step, count);
    auto done = blocking::RetryWhileLocked(table, options.lock_wait_max, [&] {
      return ApplyRange(connection, statements, begin, end);
    });
    if (!done) return done;
  }
  return {};
}

}  // namespace usage_ingest::postgres::admin
