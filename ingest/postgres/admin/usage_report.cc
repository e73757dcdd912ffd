#include "ingest/postgres/admin/usage_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ingest/postgres/batch/sum_sql.h"

namespace usage_ingest::postgres::admin {
namespace {

using aggregate::kDailyColumns;

constexpr std::array<std::string_view, 3> kUser = {"user_id", "username", "user_email"};
constexpr std::array<std::string_view, 2> kTeam = {"team_id", "team_alias"};
// By user, too: use without a key, or of a deleted one, is not that of one person.
constexpr std::array<std::string_view, 6> kKey = {"api_key_id", "user_id",  "key_hash",
                                                  "key_alias",  "username", "user_email"};
constexpr std::array<std::string_view, 3> kModel = {"model_id", "model_name", "provider"};
constexpr std::array<std::string_view, 1> kProvider = {"provider"};
constexpr std::array kSubjects = {ReportSubject{"user", kUser}, ReportSubject{"team", kTeam},
                                  ReportSubject{"key", kKey, 3, 2}, ReportSubject{"model", kModel},
                                  ReportSubject{"provider", kProvider, 0}};

// Names change; a line has those of its last day. So names are grouped first, and few groups are
// left of many rows. {0} the period, {1} the columns of the subject, {2} sums of the rows, {3} what
// identifies the subject, {4} the names of the last day, {5} sums of sums, {6} the columns as text,
// {7} the names of the sums, {8} no columns, {9} the first day, {10} the day after the last one,
// {11} the order of subjects, {12} how a period is written.
// The memory is for the groups of a month; without it PostgreSQL sorts all rows on disk.
constexpr std::string_view kReport = R"sql(
SET work_mem = '64MB';
WITH named AS (
  SELECT {0} AS period_start, {1}, max(day) AS last_day, {2}
    FROM usage_ingest.usage_daily WHERE day >= {9} AND day < {10} GROUP BY {0}, {1}
), lines AS MATERIALIZED (
  SELECT to_char(period_start, '{12}') AS period, max(last_day) AS last_day, {3}, {4} {5}
    FROM named GROUP BY period_start, {3}
)
SELECT period, last_day, {6}, {7} FROM (
  SELECT 1 AS part, period, last_day::text, {6}, {7} FROM lines
  UNION ALL
  SELECT 2, '', '', {8}, {5} FROM lines
) AS report ORDER BY part, period COLLATE "C", {11})sql";

std::string Join(std::span<const std::string_view> columns, std::string_view format) {
  return batch::JoinColumns(
      columns, [&](std::string_view column) { return fmt::format(fmt::runtime(format), column); });
}

std::string ReportSql(const blocking::SyncConnection& connection, const ReportOptions& options) {
  const auto columns = options.subject->columns;
  const auto ids = columns.first(options.subject->ids);
  const auto names = columns.subspan(options.subject->ids);
  // All names of a line are of one row.
  const std::string order = fmt::format("last_day DESC, {}", fmt::join(names, ", "));
  std::string last_names;
  for (const std::string_view name : names) {
    last_names += fmt::format("(array_agg({0} ORDER BY {1}))[1] AS {0}, ", name, order);
  }
  const std::string sums = batch::FormatColumns(kDailyColumns, "COALESCE(sum({0}), 0)::{1} AS {0}");
  return fmt::format(
      kReport, options.per_month ? "date_trunc('month', day::timestamp)" : "day",
      fmt::join(columns, ", "), sums, fmt::join(ids, ", "), last_names, sums,
      Join(columns, "nullif({0}::text, '00000000-0000-0000-0000-000000000000') AS {0}"),
      batch::ColumnNames(kDailyColumns), Join(columns, "NULL"),
      connection.QuoteLiteral(options.from_day) + "::date",
      connection.QuoteLiteral(options.to_day) + "::date",
      Join(columns, "{0} COLLATE \"C\" NULLS FIRST"), options.per_month ? "YYYY-MM" : "YYYY-MM-DD");
}

ReportLine ReadLine(const blocking::SyncRows& rows, int row, std::size_t subject_columns) {
  ReportLine line{.period = std::string(rows.text(row, 0)),
                  .subject = {},
                  .last_day = std::string(rows.text(row, 1)),
                  .sums = {}};
  int column = 2;
  for (std::size_t i = 0; i < subject_columns; ++i) {
    line.subject.emplace_back(rows.text(row, column++));
  }
  for (std::string& sum : line.sums) sum = rows.text(row, column++);
  if (line.period.empty()) line.subject.clear();
  return line;
}

}  // namespace

std::span<const ReportSubject> ReportSubjects() { return kSubjects; }

Result<> ReportUsage(blocking::SyncConnection& connection, const ReportOptions& options,
                     const std::function<void(const ReportLine& line)>& on_line) {
  auto rows = connection.Execute(ReportSql(connection, options));
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->count(); ++i) {
    on_line(ReadLine(*rows, i, options.subject->columns.size()));
  }
  return {};
}

}  // namespace usage_ingest::postgres::admin
