#include "ingest/postgres/admin/index_admin.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <utility>

#include "ingest/postgres/blocking/retry_while_locked.h"
#include "ingest/postgres/blocking/session_lock.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::admin {
namespace {

using Clock = std::chrono::steady_clock;

// As in schema/sql/0036_defer_indexes.sql, which tells by it what is being built.
constexpr std::int64_t kIndexLock = 7305801562440212771;
constexpr const char* kOnlyOneBuild =
    "`partitions index` is running, or a `migrate` that builds indexes; run it again later";

// The newest partition first: it is read most.
constexpr const char* kAllLacking =
    "SELECT partition, definition FROM usage_ingest.partition_indexes WHERE state <> 'valid' "
    "ORDER BY from_time DESC, index_name";
// $1 the seconds after the end of a day, $2 and $3 the months and days of the retention.
constexpr const char* kDue =
    "SELECT partition, definition FROM usage_ingest.indexes_due($1::bigint, $2::integer, "
    "$3::integer)";

// $1 the partition, $2 the definition.
constexpr const char* kInvalidIndexes = R"sql(
SELECT i.indexrelid::regclass::text FROM pg_index AS i
 WHERE i.indrelid = to_regclass($1) AND NOT i.indisvalid AND NOT i.indisunique
   AND usage_ingest.index_definition(i.indexrelid) = $2)sql";

constexpr const char* kIsPartition =
    "SELECT EXISTS (SELECT FROM usage_ingest.partitions_of_usage_logs() WHERE name = $1)";

constexpr const char* kRecordBuilt =
    "INSERT INTO usage_ingest.index_builds (partition, definition, seconds) VALUES ($1, $2, $3)";

Result<std::vector<BuiltIndex>> FindLacking(blocking::SyncConnection& connection,
                                            const BuildIndexesOptions& options) {
  const auto after = std::chrono::duration_cast<std::chrono::seconds>(options.plan.index_after);
  const std::array<blocking::SyncParam, 3> params = {std::to_string(after.count()),
                                                     std::to_string(options.plan.retention_months),
                                                     std::to_string(options.plan.retention_days)};
  const auto rows =
      options.all_partitions ? connection.Execute(kAllLacking) : connection.Query(kDue, params);
  if (!rows) return std::unexpected(rows.error());
  std::vector<BuiltIndex> lacking;
  for (int row = 0; row < rows->count(); ++row) {
    lacking.push_back({.partition = std::string(rows->text(row, 0)),
                       .definition = std::string(rows->text(row, 1)),
                       .outcome = BuiltIndex::Outcome::kWouldBuild});
  }
  return lacking;
}

// PostgreSQL chooses the name, as it does for the index of a partition whose parent has one.
Result<> BuildOnce(blocking::SyncConnection& connection, const BuiltIndex& index) {
  const std::array<blocking::SyncParam, 2> params = {index.partition, index.definition};
  const auto invalid = connection.Query(kInvalidIndexes, params);
  if (!invalid) return std::unexpected(invalid.error());
  for (int row = 0; row < invalid->count(); ++row) {
    auto done =
        connection.Run(fmt::format("DROP INDEX CONCURRENTLY IF EXISTS {}", invalid->text(row, 0)));
    if (!done) return done;
  }
  return connection.Run(
      fmt::format("CREATE INDEX CONCURRENTLY ON {} {}", index.partition, index.definition));
}

Result<bool> IsGone(blocking::SyncConnection& connection, const BuiltIndex& index) {
  const std::array<blocking::SyncParam, 1> param = {index.partition};
  const auto there = connection.Query(kIsPartition, param);
  if (!there) return std::unexpected(there.error());
  return !there->boolean(0, 0);
}

Result<> BuildAndRecord(blocking::SyncConnection& connection, BuiltIndex& index) {
  const auto started = Clock::now();
  // A build waits for older transactions, not for locks; VACUUM gives way after a second.
  auto built =
      blocking::RetryWhileLocked("an index of " + index.partition, limits::kCommandLockWaitMax,
                                 [&] { return BuildOnce(connection, index); });
  if (!built) return built;
  index.outcome = BuiltIndex::Outcome::kBuilt;
  index.seconds = std::chrono::duration<double>(Clock::now() - started).count();
  const std::array<blocking::SyncParam, 3> record = {index.partition, index.definition,
                                                     fmt::format("{:.3f}", index.seconds)};
  const auto recorded = connection.Query(kRecordBuilt, record);
  if (!recorded) return std::unexpected(recorded.error());
  return {};
}

// An error: the connection is lost, or a signal ends the command.
Result<> Build(blocking::SyncConnection& connection, BuiltIndex& index) {
  const auto gone_before = IsGone(connection, index);
  if (!gone_before) return std::unexpected(gone_before.error());
  if (*gone_before) {
    index.outcome = BuiltIndex::Outcome::kGone;
    return {};
  }
  auto built = BuildAndRecord(connection, index);
  if (built) return {};
  const auto is_gone = IsGone(connection, index);
  if (!is_gone) return built;
  index.outcome = *is_gone ? BuiltIndex::Outcome::kGone : BuiltIndex::Outcome::kFailed;
  index.failure = std::move(built.error());
  return {};
}

}  // namespace

Result<batch::IndexTime> ReadIndexTime(blocking::SyncConnection& connection) {
  const auto rows = connection.Execute("SELECT indexes FROM usage_ingest.partitioning");
  if (!rows) return std::unexpected(rows.error());
  const bool is_deferred =
      rows->count() == 1 && rows->text(0, 0) == NameOf(batch::IndexTime::kDeferred);
  return is_deferred ? batch::IndexTime::kDeferred : batch::IndexTime::kImmediate;
}

Result<std::vector<BuiltIndex>> BuildIndexes(
    blocking::SyncConnection& connection, const BuildIndexesOptions& options,
    const std::function<void(std::string_view)>& progress) {
  if (options.dry_run) return FindLacking(connection, options);
  const auto lock = blocking::TakeSessionLock(connection, kIndexLock, kOnlyOneBuild);
  if (!lock) return std::unexpected(lock.error());
  auto indexes = FindLacking(connection, options);
  if (!indexes) return indexes;
  for (BuiltIndex& index : *indexes) {
    if (progress) progress(fmt::format("{} {}", index.partition, index.definition));
    if (auto done = Build(connection, index); !done) return std::unexpected(done.error());
  }
  return indexes;
}

Result<> CheckAllBuilt(std::span<const BuiltIndex> indexes) {
  const Error* first = nullptr;
  std::string lines;
  for (const BuiltIndex& index : indexes) {
    if (index.outcome != BuiltIndex::Outcome::kFailed) continue;
    if (first == nullptr) first = &index.failure;
    lines += fmt::format("\n  {} {}: {}", index.partition, index.definition, index.failure.context);
  }
  if (first == nullptr) return {};
  return Fail(first->code, "indexes that could not be built:" + lines);
}

}  // namespace usage_ingest::postgres::admin
