#include "ingest/postgres/migrate/history_fill.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <chrono>

#include "ingest/postgres/admin/daily_admin.h"

namespace usage_ingest::postgres::migrate {
namespace {

constexpr auto kProgressInterval = std::chrono::seconds(2);

}  // namespace

Result<> FillHistory(blocking::SyncConnection& connection, const MigrateOptions& options,
                     std::ostream& out) {
  using Clock = std::chrono::steady_clock;
  if (!options.keeps_history) {
    fmt::print(out,
               "note: history.daily is off, so the history is not filled; when it is on, run "
               "`usage-ingestd summaries rebuild`\n");
    return {};
  }
  admin::RebuildDailyOptions rebuild;
  rebuild.lock_wait_max = options.lock_wait_max;
  rebuild.progress = [&out, next_report = Clock::now() + kProgressInterval](
                         std::int64_t done, std::int64_t total) mutable {
    if (Clock::now() < next_report) return;
    fmt::print(out, "  history: {} of {} days\n", done, total);
    out.flush();
    next_report = Clock::now() + kProgressInterval;
  };
  const auto filled = admin::RebuildDaily(connection, rebuild);
  if (!filled) return std::unexpected(filled.error());
  if (filled->rows_repaired > 0) {
    fmt::print(out, "  history: {} rows of {} days\n", filled->rows_repaired, filled->days);
  }
  return {};
}

}  // namespace usage_ingest::postgres::migrate
