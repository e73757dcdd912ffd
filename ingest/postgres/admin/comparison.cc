#include "ingest/postgres/admin/comparison.h"

#include <fmt/format.h>

#include <optional>

#include "ingest/postgres/blocking/distribution.h"
#include "ingest/postgres/blocking/retry_while_locked.h"
#include "ingest/postgres/session/session_setup.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::admin {
namespace {

// A writer holds its locks until the workers have committed too, unless one has died.
constexpr const char* kLockSums = "LOCK TABLE public.usage_summaries IN SHARE MODE";

// Source: Citus, transaction/remote_transaction.c: the names of its prepared transactions.
constexpr const char* kPrepared = R"sql(
SELECT format('%s:%s', nodename, nodeport), success, result
  FROM pg_catalog.run_command_on_workers($command$
         SELECT count(*) FROM pg_catalog.pg_prepared_xacts
          WHERE database = current_database() AND gid LIKE 'citus\_%' $command$)
 WHERE NOT success OR result <> '0' LIMIT 1)sql";

Result<> ExpectNothingPrepared(blocking::SyncConnection& connection) {
  auto left = connection.Execute(kPrepared);
  if (!left) return std::unexpected(left.error());
  if (left->count() == 0) return {};
  if (!left->boolean(0, 1)) {
    return Fail(ErrorCode::kUnavailable,
                fmt::format("worker {} does not answer: {}", left->text(0, 0), left->text(0, 2)));
  }
  return Fail(ErrorCode::kConflict,
              fmt::format("worker {} has {} transactions that are prepared and not committed",
                          left->text(0, 0), left->text(0, 2)));
}

}  // namespace

Result<blocking::SyncRows> QueryAtOneMoment(blocking::SyncConnection& connection,
                                            std::chrono::seconds lock_wait_max,
                                            const std::string& sql,
                                            std::span<const blocking::SyncParam> params) {
  const auto is_distributed = blocking::RowsAreDistributed(connection);
  if (!is_distributed) return std::unexpected(is_distributed.error());
  if (!*is_distributed) return connection.Query(sql, params);
  std::optional<blocking::SyncRows> rows;
  auto done = blocking::RetryWhileLocked("usage_summaries", lock_wait_max, [&]() -> Result<> {
    auto transaction = blocking::SyncTransaction::Begin(
        connection, "BEGIN; " + session::SetLockTimeout(limits::kLockTimeoutRebuild));
    if (!transaction) return std::unexpected(transaction.error());
    if (auto locked = connection.Run(kLockSums); !locked) return locked;
    if (auto nothing_left = ExpectNothingPrepared(connection); !nothing_left) return nothing_left;
    auto answer = connection.Query(sql, params);
    if (!answer) return std::unexpected(answer.error());
    rows = std::move(*answer);
    return transaction->Commit();
  });
  if (!done) return std::unexpected(done.error());
  return std::move(*rows);
}

}  // namespace usage_ingest::postgres::admin
