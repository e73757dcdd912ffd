#include "ingest/postgres/admin/summary_admin.h"

#include <utility>

#include "ingest/postgres/admin/comparison.h"
#include "ingest/postgres/admin/history_lock.h"
#include "ingest/postgres/admin/repairs.h"
#include "ingest/postgres/admin/summary_sql.h"

namespace usage_ingest::postgres::admin {
namespace {

constexpr const char* kMayDelete = "SELECT has_table_privilege('public.usage_summaries', 'DELETE')";

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

Result<> VerifyChunk(Comparison& comparison, const SummaryChunk& chunk, std::size_t differences_max,
                     VerifyReport& report) {
  auto counts = comparison.Query(GetSummarySql().count_differences, chunk);
  if (!counts) return std::unexpected(counts.error());
  report.rows_compared += counts->number(0, 0);
  report.rows_different += counts->number(0, 1);
  report.rows_missing += counts->number(0, 2);
  report.rows_unfounded += counts->number(0, 3);
  if (counts->number(0, 1) == 0 || report.differences.size() >= differences_max) return {};

  const std::array<blocking::SyncParam, 4> params = {
      chunk[0], chunk[1], chunk[2], std::to_string(differences_max - report.differences.size())};
  auto rows = comparison.Query(GetSummarySql().show_differences, params);
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->count(); ++i) report.differences.push_back(ReadDifference(*rows, i));
  return {};
}

Result<> RepairChunk(blocking::SyncConnection& connection, Comparison& comparison,
                     const SummaryChunk& chunk, const RebuildOptions& options, bool may_delete,
                     RebuildReport& report) {
  const auto collected = comparison.Query(GetSummarySql().collect_repairs, chunk);
  if (!collected) return std::unexpected(collected.error());
  const std::int64_t repairs = collected->affected();  // in the temporary table now
  std::vector<std::string> statements = {GetSummarySql().apply_repairs};
  if (may_delete) statements.push_back(GetSummarySql().remove_unfounded);
  auto applied = ApplyRepairs(connection, repairs,
                              {.what = "usage_summaries",
                               .statements = std::move(statements),
                               .rows_per_transaction = options.rows_per_transaction,
                               .lock_wait_max = options.lock_wait_max});
  if (!applied) return applied;
  report.rows_repaired += repairs;
  if (repairs == 0) return {};
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
  const auto chunks = FindSummaryChunks(connection, options.range);
  if (!chunks) return std::unexpected(chunks.error());
  auto comparison = Comparison::Of(connection, options.lock_wait_max);
  if (!comparison) return std::unexpected(comparison.error());
  RebuildReport report;
  for (const SummaryChunk& chunk : *chunks) {
    auto done =
        RepairChunk(connection, *comparison, chunk, options, may_delete->boolean(0, 0), report);
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
  const auto chunks = FindSummaryChunks(connection, options.range);
  if (!chunks) return std::unexpected(chunks.error());
  auto comparison = Comparison::Of(connection, options.lock_wait_max);
  if (!comparison) return std::unexpected(comparison.error());
  VerifyReport report;
  for (const SummaryChunk& chunk : *chunks) {
    auto done = VerifyChunk(*comparison, chunk, options.differences_max, report);
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
  const auto lock = TakeHistoryLock(connection, kOnlyOneRebuild);
  if (!lock) return std::unexpected(lock.error());
  return Rebuild(connection, options);
}

}  // namespace usage_ingest::postgres::admin
