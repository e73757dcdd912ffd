#include "ingest/postgres/admin/report_sum.h"

#include <fmt/format.h>

#include <charconv>

namespace usage_ingest::postgres::admin {
namespace {

// Digits behind the point: "1" has none, "0.000001" has six.
std::size_t Decimals(std::string_view unit) {
  const std::size_t point = unit.find('.');
  return point == std::string_view::npos ? 0 : unit.size() - point - 1;
}

// PostgreSQL writes each value of a column with all of its decimals.
Result<std::int64_t> ParseUnits(std::string_view text, const aggregate::DailyColumn& column) {
  std::string digits(text);
  if (Decimals(column.unit) > 0) std::erase(digits, '.');
  std::int64_t units = 0;
  const char* end = digits.data() + digits.size();
  const auto [read_to, error] = std::from_chars(digits.data(), end, units);
  if (error == std::errc{} && read_to == end) return units;
  return Fail(ErrorCode::kLimitExceeded, fmt::format("{} is {}", column.name, text));
}

std::string WriteUnits(std::int64_t units, const aggregate::DailyColumn& column) {
  const std::size_t decimals = Decimals(column.unit);
  if (decimals == 0) return std::to_string(units);
  // At least one digit before the point.
  const std::string digits = fmt::format("{:0{}}", units, decimals + (units < 0 ? 2 : 1));
  const std::string_view text = digits;
  const std::size_t point = text.size() - decimals;
  return fmt::format("{}.{}", text.substr(0, point), text.substr(point));
}

}  // namespace

Result<> ReportSum::Add(const ReportLine& line) {
  Line* into = &total_;
  if (!line.period.empty()) {
    std::vector<std::string> key = {line.period};
    key.insert(key.end(), line.subject.begin(),
               line.subject.begin() + static_cast<std::ptrdiff_t>(subject_.ids));
    into = &lines_[std::move(key)];
    if (line.last_day > into->last_day) {
      into->last_day = line.last_day;
      into->subject = line.subject;
    }
  }
  for (std::size_t i = 0; i < into->sums.size(); ++i) {
    const aggregate::DailyColumn& column = aggregate::kDailyColumns[i];
    const auto units = ParseUnits(line.sums[i], column);
    if (!units) return std::unexpected(units.error());
    if (__builtin_add_overflow(into->sums[i], *units, &into->sums[i])) {
      return Fail(ErrorCode::kLimitExceeded,
                  fmt::format("the sum of {} does not fit in 64 bits", column.name));
    }
  }
  return {};
}

void ReportSum::ForEach(const std::function<void(const ReportLine& line)>& on_line) const {
  const auto call = [&](const std::string& period, const Line& line) {
    ReportLine written{
        .period = period, .subject = line.subject, .last_day = line.last_day, .sums = {}};
    for (std::size_t i = 0; i < line.sums.size(); ++i) {
      written.sums[i] = WriteUnits(line.sums[i], aggregate::kDailyColumns[i]);
    }
    on_line(written);
  };
  for (const auto& [key, line] : lines_) call(key.front(), line);
  call("", total_);
}

}  // namespace usage_ingest::postgres::admin
