#include "ingest/postgres/admin/summary_admin.h"

#include <algorithm>

#include "ingest/postgres/admin/history_lock.h"
#include "ingest/postgres/admin/summary_sql.h"
#include "ingest/postgres/blocking/retry_while_locked.h"
#include "ingest/postgres/session/session_setup.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::admin {
namespace {

constexpr const char* kOnlyOne =
    "another `summaries rebuild`, or `partitions retain`, is running: two rebuilds would add each "
    "difference twice, and retain takes away the rows that a rebuild reads; run it again later";
constexpr const char* kMayDelete = "SELECT has_table_privilege('public.usage_summaries', 'DELETE')";

// A day or a month: start, end and level.
using Chunk = std::array<blocking::SyncParam, 3>;

blocking::SyncParam TimeParam(const std::optional<EventTimeUs>& time) {
  if (!time) return std::nullopt;
  return std::to_string(time->value);
}

Result<std::vector<Chunk>> FindChunks(blocking::SyncConnection& connection,
                                      const SummaryRange& range) {
  const std::array<blocking::SyncParam, 2> params = {TimeParam(range.from), TimeParam(range.to)};
  auto rows = connection.Query(GetSummarySql().find_chunks, params);
  if (!rows) return std::unexpected(rows.error());
  std::vector<Chunk> chunks;
  chunks.reserve(static_cast<std::size_t>(rows->count()));
  for (int i = 0; i < rows->count(); ++i) {
    chunks.push_back({std::string(rows->text(i, 1)), std::string(rows->text(i, 2)),
                      std::string(rows->text(i, 0))});
  }
  return chunks;
}

SummaryDifference ReadDifference(const blocking::SyncRows& rows, int row) {
  SummaryDifference difference{.subscription_id = std::string(rows.text(row, 0)),
                               .model_id = std::string(rows.text(row, 1)),
                               .period_type = std::string(rows.text(row, 2)),
                               .period_start = std::string(rows.text(row, 3)),
                               .expected = {},
                               .actual = {},
                               .row_missing = rows.boolean(row, 4),
                               .row_unfounded = rows.boolean(row, 5)};
  constexpr int kFirst = 6;
  constexpr int kCount = static_cast<int>(kComparedColumns.size());
  for (int i = 0; i < kCount; ++i) {
    const auto at = static_cast<std::size_t>(i);
    difference.expected[at] = rows.text(row, kFirst + i);
    if (!difference.row_missing) difference.actual[at] = rows.text(row, kFirst + kCount + i);
  }
  return difference;
}

Result<> VerifyChunk(blocking::SyncConnection& connection, const Chunk& chunk,
                     std::size_t differences_max, VerifyReport& report) {
  auto counts = connection.Query(GetSummarySql().count_differences, chunk);
  if (!counts) return std::unexpected(counts.error());
  report.rows_compared += counts->number(0, 0);
  report.rows_different += counts->number(0, 1);
  report.rows_missing += counts->number(0, 2);
  report.rows_unfounded += counts->number(0, 3);
  if (counts->number(0, 1) == 0 || report.differences.size() >= differences_max) return {};

  const std::array<blocking::SyncParam, 4> params = {
      chunk[0], chunk[1], chunk[2], std::to_string(differences_max - report.differences.size())};
  auto rows = connection.Query(GetSummarySql().show_differences, params);
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->count(); ++i) report.differences.push_back(ReadDifference(*rows, i));
  return {};
}

// Returns how many summaries differ; they are in the temporary table then.
Result<std::int64_t> CollectRepairs(blocking::SyncConnection& connection, const Chunk& chunk) {
  auto inserted = connection.Query(GetSummarySql().collect_repairs, chunk);
  if (!inserted) return std::unexpected(inserted.error());
  return inserted->affected();
}

Result<> ApplyRepairs(blocking::SyncConnection& connection, std::int64_t begin, std::int64_t end,
                      bool may_delete) {
  const std::array<blocking::SyncParam, 2> range = {std::to_string(begin), std::to_string(end)};
  auto transaction = blocking::SyncTransaction::Begin(
      connection, "BEGIN; " + session::SetLockTimeout(limits::kLockTimeoutRebuild));
  if (!transaction) return std::unexpected(transaction.error());
  if (auto done = connection.Query(GetSummarySql().apply_repairs, range); !done) {
    return std::unexpected(done.error());
  }
  if (may_delete) {
    if (auto done = connection.Query(GetSummarySql().remove_unfounded, range); !done) {
      return std::unexpected(done.error());
    }
  }
  return transaction->Commit();
}

Result<> RepairChunk(blocking::SyncConnection& connection, const Chunk& chunk,
                     const RebuildOptions& options, bool may_delete, RebuildReport& report) {
  const auto repairs = CollectRepairs(connection, chunk);
  if (!repairs) return std::unexpected(repairs.error());
  const std::int64_t step = std::max(1, options.rows_per_transaction);
  for (std::int64_t begin = 0; begin < *repairs; begin += step) {
    const std::int64_t end = std::min(begin + step, *repairs);
    auto done = blocking::RetryWhileLocked("usage_summaries", options.lock_wait_max, [&] {
      return ApplyRepairs(connection, begin, end, may_delete);
    });
    if (!done) return done;
    report.rows_repaired += end - begin;
  }
  if (*repairs == 0) return {};
  auto emptied = connection.Execute("TRUNCATE pg_temp.usage_ingest_repair");
  if (!emptied) return std::unexpected(emptied.error());
  return {};
}

Result<RebuildReport> Rebuild(blocking::SyncConnection& connection, const RebuildOptions& options) {
  auto may_delete = connection.Execute(kMayDelete);
  if (!may_delete) return std::unexpected(may_delete.error());
  if (auto done = connection.Execute(GetSummarySql().make_repairs); !done) {
    return std::unexpected(done.error());
  }
  const auto chunks = FindChunks(connection, options.range);
  if (!chunks) return std::unexpected(chunks.error());
  RebuildReport report;
  for (const Chunk& chunk : *chunks) {
    auto done = RepairChunk(connection, chunk, options, may_delete->boolean(0, 0), report);
    if (!done) return std::unexpected(done.error());
    ++report.chunks_done;
    if (options.progress) {
      options.progress(report.chunks_done, static_cast<std::int64_t>(chunks->size()));
    }
  }
  return report;
}

}  // namespace

Result<VerifyReport> VerifySummaries(blocking::SyncConnection& connection,
                                     const VerifyOptions& options) {
  const auto chunks = FindChunks(connection, options.range);
  if (!chunks) return std::unexpected(chunks.error());
  VerifyReport report;
  for (const Chunk& chunk : *chunks) {
    auto done = VerifyChunk(connection, chunk, options.differences_max, report);
    if (!done) return std::unexpected(done.error());
    ++report.chunks_done;
    if (options.progress) {
      options.progress(report.chunks_done, static_cast<std::int64_t>(chunks->size()));
    }
  }
  return report;
}

Result<RebuildReport> RebuildSummaries(blocking::SyncConnection& connection,
                                       const RebuildOptions& options) {
  const auto lock = HistoryLock::Take(connection, kOnlyOne);
  if (!lock) return std::unexpected(lock.error());
  return Rebuild(connection, options);
}

}  // namespace usage_ingest::postgres::admin
