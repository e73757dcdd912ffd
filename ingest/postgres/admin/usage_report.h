#pragma once
// UsageReport: sums of the history, usage_ingest.usage_daily, for `report`.
//
// One statement, so all lines and the total are of one snapshot; it only reads, so a standby can do
// it. No cursor, because PostgreSQL does not divide that among its workers.
//
// Limit         the lines are in memory: 300 bytes each.
// Units         the range is of UTC days, [from, to).
// Source        PostgreSQL 15 manual, 15.2 "When Can Parallel Query Be Used?".
#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aggregate/daily_columns.h"
#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::admin {

// Whose usage a line is. An id that is the nil UUID, and a name that is not known, are empty.
struct ReportSubject {
  std::string_view name;                      // as the option --by has it
  std::span<const std::string_view> columns;  // of usage_daily: its ids, then its names
  std::size_t first_for_people = 1;           // of the columns: those before it are ids and hashes
  std::size_t ids = 1;                        // the first columns, which tell lines apart
};
[[nodiscard]] std::span<const ReportSubject> ReportSubjects();

struct ReportOptions {
  const ReportSubject* subject = nullptr;
  bool per_month = true;  // else per day
  std::string from_day;   // 2026-11-01
  std::string to_day;
};

struct ReportLine {
  std::string period;                // 2026-11 or 2026-11-22; empty: the total
  std::vector<std::string> subject;  // by ReportSubject::columns; empty: the total
  std::string last_day;              // of use, within the period; empty: the total
  std::array<std::string, aggregate::kDailyColumns.size()> sums;
};

// Calls `on_line` for each line, in the order of period and subject, and for the total at the end.
[[nodiscard]] Result<> ReportUsage(blocking::SyncConnection& connection,
                                   const ReportOptions& options,
                                   const std::function<void(const ReportLine& line)>& on_line);

}  // namespace usage_ingest::postgres::admin
