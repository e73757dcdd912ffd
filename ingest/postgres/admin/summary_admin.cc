#include "ingest/postgres/admin/summary_admin.h"

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

Result<> VerifyChunk(blocking::SyncConnection& connection, const SummaryChunk& chunk,
                     const VerifyOptions& options, VerifyReport& report) {
  auto counts =
      QueryAtOneMoment(connection, options.lock_wait_max, GetSummarySql().count_differences, chunk);
  if (!counts) return std::unexpected(counts.error());
  report.rows_compared += counts->number(0, 0);
  report.rows_different += counts->number(0, 1);
  report.rows_missing += counts->number(0, 2);
  report.rows_unfounded += counts->number(0, 3);
  const bool differs = counts->number(0, 1) != 0;
  if (!differs || report.differences.size() >= options.differences_max) return {};

  const std::array<blocking::SyncParam, 4> params = {
      chunk[0], chunk[1], chunk[2],
      std::to_string(options.differences_max - report.differences.size())};
  auto rows =
      QueryAtOneMoment(connection, options.lock_wait_max, GetSummarySql().show_differences, params);
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->count(); ++i) report.differences.push_back(ReadDifference(*rows, i));
  return {};
}

Result<> RepairChunk(blocking::SyncConnection& connection, const SummaryChunk& chunk,
                     const RebuildOptions& options, bool may_delete, RebuildReport& report) {
  const auto collected =
      QueryAtOneMoment(connection, options.lock_wait_max, GetSummarySql().collect_repairs, chunk);
  if (!collected) return std::unexpected(collected.error());
  const std::int64_t repairs = collected->affected();  // in the temporary table now
  if (repairs == 0) return {};
  std::vector<std::string> statements = {GetSummarySql().apply_repairs};
  if (may_delete) statements.push_back(GetSummarySql().remove_unfounded);
  auto applied = ApplyRepairs(connection, repairs, "usage_summaries", statements, options);
  if (!applied) return applied;
  report.rows_repaired += repairs;
  return connection.Run("TRUNCATE pg_temp.usage_ingest_repair");
}

}  // namespace

Result<VerifyReport> VerifySummaries(blocking::SyncConnection& connection,
                                     const VerifyOptions& options) {
  VerifyReport report;
  const auto chunks = ForEachChunk(
      connection, options.range, ChunkLevels::kDaysAndMonths, options.progress,
      [&](const SummaryChunk& chunk) { return VerifyChunk(connection, chunk, options, report); });
  if (!chunks) return std::unexpected(chunks.error());
  report.chunks_done = *chunks;
  return report;
}

Result<RebuildReport> RebuildSummaries(blocking::SyncConnection& connection,
                                       const RebuildOptions& options) {
  const auto lock = TakeHistoryLock(connection, kOnlyOneRebuild);
  if (!lock) return std::unexpected(lock.error());
  auto may_delete = connection.Execute(kMayDelete);
  if (!may_delete) return std::unexpected(may_delete.error());
  if (auto made = connection.Run(GetSummarySql().make_repairs); !made) {
    return std::unexpected(made.error());
  }
  RebuildReport report;
  const auto chunks = ForEachChunk(connection, options.range, ChunkLevels::kDaysAndMonths,
                                   options.progress, [&](const SummaryChunk& chunk) {
                                     return RepairChunk(connection, chunk, options,
                                                        may_delete->boolean(0, 0), report);
                                   });
  if (!chunks) return std::unexpected(chunks.error());
  report.chunks_done = *chunks;
  return report;
}

}  // namespace usage_ingest::postgres::admin
