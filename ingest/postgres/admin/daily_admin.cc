#include "ingest/postgres/admin/daily_admin.h"

#include <span>

#include "ingest/postgres/admin/comparison.h"
#include "ingest/postgres/admin/daily_sql.h"
#include "ingest/postgres/admin/history_lock.h"
#include "ingest/postgres/admin/repairs.h"

namespace usage_ingest::postgres::admin {
namespace {

DailyDifference ReadDifference(const blocking::SyncRows& rows, int row) {
  DailyDifference difference{.day = std::string(rows.text(row, 0)),
                             .subscription_id = std::string(rows.text(row, 1)),
                             .model_id = std::string(rows.text(row, 2)),
                             .is_too_much = rows.boolean(row, 3),
                             .rows = {},
                             .history = {}};
  constexpr int kFirst = 4;
  constexpr int kCount = static_cast<int>(aggregate::kDailyColumns.size());
  for (int i = 0; i < kCount; ++i) {
    const auto at = static_cast<std::size_t>(i);
    difference.rows[at] = rows.text(row, kFirst + i);
    difference.history[at] = rows.text(row, kFirst + kCount + i);
  }
  return difference;
}

Result<> VerifyDay(blocking::SyncConnection& connection, const SummaryChunk& day,
                   const VerifyOptions& options, VerifyDailyReport& report) {
  const auto bounds = std::span(day).first<2>();
  auto counts =
      QueryAtOneMoment(connection, options.lock_wait_max, GetDailySql().count_differences, bounds);
  if (!counts) return std::unexpected(counts.error());
  report.sums_compared += counts->number(0, 0);
  report.sums_missing += counts->number(0, 1);
  report.sums_too_much += counts->number(0, 2);
  const bool differs = counts->number(0, 1) != 0 || counts->number(0, 2) != 0;
  if (!differs || report.differences.size() >= options.differences_max) return {};

  const std::array<blocking::SyncParam, 3> params = {
      day[0], day[1], std::to_string(options.differences_max - report.differences.size())};
  auto rows =
      QueryAtOneMoment(connection, options.lock_wait_max, GetDailySql().show_differences, params);
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->count(); ++i) report.differences.push_back(ReadDifference(*rows, i));
  return {};
}

Result<> RepairDay(blocking::SyncConnection& connection, const SummaryChunk& day,
                   const RebuildOptions& options, RebuildReport& report) {
  const DailySql& sql = GetDailySql();
  auto collected = QueryAtOneMoment(
      connection, options.lock_wait_max,
      options.rows_are_complete ? sql.collect_all : sql.collect_missing, std::span(day).first<2>());
  if (!collected) return std::unexpected(collected.error());
  const std::int64_t repairs = collected->affected();
  if (repairs == 0) return {};
  auto applied =
      ApplyRepairs(connection, repairs, "usage_ingest.usage_daily", {sql.apply_repairs}, options);
  if (!applied) return applied;
  report.rows_repaired += repairs;
  return connection.Run("TRUNCATE pg_temp.usage_ingest_daily_repair");
}

}  // namespace

Result<VerifyDailyReport> VerifyDaily(blocking::SyncConnection& connection,
                                      const VerifyOptions& options) {
  VerifyDailyReport report;
  const auto days = ForEachChunk(
      connection, options.range, ChunkLevels::kDays, options.progress,
      [&](const SummaryChunk& day) { return VerifyDay(connection, day, options, report); });
  if (!days) return std::unexpected(days.error());
  report.days = *days;
  return report;
}

Result<RebuildReport> RebuildDaily(blocking::SyncConnection& connection,
                                   const RebuildOptions& options) {
  const auto lock = TakeHistoryLock(connection, kOnlyOneRebuild);
  if (!lock) return std::unexpected(lock.error());
  if (auto made = connection.Run(GetDailySql().make_repairs); !made) {
    return std::unexpected(made.error());
  }
  RebuildReport report;
  const auto days = ForEachChunk(
      connection, options.range, ChunkLevels::kDays, options.progress,
      [&](const SummaryChunk& day) { return RepairDay(connection, day, options, report); });
  if (!days) return std::unexpected(days.error());
  report.chunks_done = *days;
  return report;
}

}  // namespace usage_ingest::postgres::admin
