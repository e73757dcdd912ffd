#pragma once
// SummarySql: the statements of SummaryAdmin, made from aggregate/summary_columns.h.
//
// Source        docs/database.md, usage_summaries.
#include <string>

namespace usage_ingest::postgres::admin {

struct SummarySql {
  // $1 and $2 are a chunk's bounds, $3 its level. Answers four counts: rows compared, different,
  // of these missing, and unfounded.
  std::string count_differences;
  // The same; $4 is how many at most. Answers the key, missing, unfounded, then each of
  // kComparedColumns as it should be, then each as it is.
  std::string show_differences;
  std::string make_repairs;     // the temporary table, empty
  std::string collect_repairs;  // the differences of a chunk, numbered in the order of locks
  // Adds the repairs ($1, $2] to the summaries. The summaries of a deleted subscription are
  // deleted.
  std::string apply_repairs;
  // Deletes the rows of ($1, $2] that are all zeros now. apply_repairs has locked them.
  std::string remove_unfounded;
};

[[nodiscard]] const SummarySql& GetSummarySql();

}  // namespace usage_ingest::postgres::admin
