#pragma once
// ReportSum: the reports of several databases, added up exactly into one: each group of users may
// have a database of its own.
//
// A line that two databases have (a model, a provider) is one line with the names of its last day,
// as within one database; of the same day, those of the database that was added first.
//
// Units         sums are whole numbers of DailyColumn::unit: nothing is rounded.
// Errors        kLimitExceeded when a sum does not fit in 64 bits.
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ingest/postgres/admin/usage_report.h"

namespace usage_ingest::postgres::admin {

class ReportSum {
 public:
  // REQUIRES: all lines are of reports with the same options.
  explicit ReportSum(const ReportSubject& subject) : subject_(subject) {}

  [[nodiscard]] Result<> Add(const ReportLine& line);
  // In the order of period and subject; the total is last.
  void ForEach(const std::function<void(const ReportLine& line)>& on_line) const;

 private:
  using Sums = std::array<std::int64_t, aggregate::kDailyColumns.size()>;
  struct Line {
    std::vector<std::string> subject;
    std::string last_day;
    Sums sums{};
  };
  // Period and ids. The total has no period and is kept apart: it is last.
  std::map<std::vector<std::string>, Line> lines_;
  Line total_;
  const ReportSubject& subject_;
};

}  // namespace usage_ingest::postgres::admin
