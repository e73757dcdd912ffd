#include "ingest/postgres/admin/daily_admin.h"

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

Result<> VerifyDay(Comparison& comparison, const SummaryChunk& day, std::size_t differences_max,
                   VerifyDailyReport& report) {
  const std::array<blocking::SyncParam, 2> bounds = {day[0], day[1]};
  auto counts = comparison.Query(GetDailySql().count_differences, bounds);
  if (!counts) return std::unexpected(counts.error());
  report.sums_compared += counts->number(0, 0);
  report.sums_missing += counts->number(0, 1);
  report.sums_too_much += counts->number(0, 2);
  const bool differs = counts->number(0, 1) != 0 || counts->number(0, 2) != 0;
  if (!differs || report.differences.size() >= differences_max) return {};

  const std::array<blocking::SyncParam, 3> params = {
      day[0], day[1], std::to_string(differences_max - report.differences.size())};
  auto rows = comparison.Query(GetDailySql().show_differences, params);
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->count(); ++i) report.differences.push_back(ReadDifference(*rows, i));
  return {};
}

Result<> RepairDay(blocking::SyncConnection& connection, Comparison& comparison,
                   const SummaryChunk& day, const RebuildDailyOptions& options,
                   RebuildDailyReport& report) {
  const DailySql& sql = GetDailySql();
  const std::array<blocking::SyncParam, 2> bounds = {day[0], day[1]};
  auto collected =
      comparison.Query(options.rows_are_complete ? sql.collect_all : sql.collect_missing, bounds);
  if (!collected) return std::unexpected(collected.error());
  const std::int64_t repairs = collected->affected();
  if (repairs == 0) return {};
  auto applied = ApplyRepairs(connection, repairs,
                              {.what = "usage_ingest.usage_daily",
                               .statements = {sql.apply_repairs},
                               .rows_per_transaction = options.rows_per_transaction,
                               .lock_wait_max = options.lock_wait_max});
  if (!applied) return applied;
  report.rows_repaired += repairs;
  auto emptied = connection.Execute("TRUNCATE pg_temp.usage_ingest_daily_repair");
  if (!emptied) return std::unexpected(emptied.error());
  return {};
}

// Calls `work` for each day.
template <class Work>
Result<> ForEachDay(blocking::SyncConnection& connection, const SummaryRange& range,
                    const SummaryProgress& progress, Work work) {
  const auto days = FindDays(connection, range);
  if (!days) return std::unexpected(days.error());
  std::int64_t done = 0;
  for (const SummaryChunk& day : *days) {
    if (auto worked = work(day); !worked) return worked;
    if (progress) progress(++done, static_cast<std::int64_t>(days->size()));
  }
  return {};
}

}  // namespace

Result<VerifyDailyReport> VerifyDaily(blocking::SyncConnection& connection,
                                      const VerifyDailyOptions& options) {
  auto comparison = Comparison::Of(connection, options.lock_wait_max);
  if (!comparison) return std::unexpected(comparison.error());
  VerifyDailyReport report;
  const auto done =
      ForEachDay(connection, options.range, options.progress, [&](const SummaryChunk& day) {
        ++report.days;
        return VerifyDay(*comparison, day, options.differences_max, report);
      });
  if (!done) return std::unexpected(done.error());
  return report;
}

Result<RebuildDailyReport> RebuildDaily(blocking::SyncConnection& connection,
                                        const RebuildDailyOptions& options) {
  const auto lock = TakeHistoryLock(connection, kOnlyOneRebuild);
  if (!lock) return std::unexpected(lock.error());
  if (auto made = connection.Execute(GetDailySql().make_repairs); !made) {
    return std::unexpected(made.error());
  }
  auto comparison = Comparison::Of(connection, options.lock_wait_max);
  if (!comparison) return std::unexpected(comparison.error());
  RebuildDailyReport report;
  const auto done =
      ForEachDay(connection, options.range, options.progress, [&](const SummaryChunk& day) {
        ++report.days;
        return RepairDay(connection, *comparison, day, options, report);
      });
  if (!done) return std::unexpected(done.error());
  return report;
}

}  // namespace usage_ingest::postgres::admin
