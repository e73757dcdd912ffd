#pragma once
// DailySql: the statements of DailyAdmin, made from aggregate/daily_columns.h.
//
// Source        docs/database.md, "The history".
#include <string>

namespace usage_ingest::postgres::admin {

struct DailySql {
  // $1 and $2 are the bounds of a UTC day. Answers how many sums of a subscription and model were
  // compared, of these in how many the rows have more, and in how many the history.
  std::string count_differences;
  // $1 and $2 as above, $3 how many at most. Answers day, subscription, model, whether the history
  // has more, then the sums of the rows, then those of the history.
  std::string show_differences;
  std::string make_repairs;  // the temporary table, empty
  // $1 and $2 as above. What the history lacks, numbered in the order of locks.
  std::string collect_missing;
  // The same, and what it has too much.
  std::string collect_all;
  std::string apply_repairs;  // adds the repairs ($1, $2] to the history
};

[[nodiscard]] const DailySql& GetDailySql();

}  // namespace usage_ingest::postgres::admin
