#pragma once
// ColumnRules: which types of LiteMaaS' columns the daemon works with.
//
// A database that LiteMaaS filled may have other types than the seed. Types that keep each value
// that is written are accepted. The others are reported with the SQL for a person: another kind of
// value, fewer characters, digits or fractions of a second, totals that are not generated. The type
// of a column is never changed here. `migrate` asks before its first step, also with --dry-run;
// `run` and `check-config` ask again.
//
// Source        docs/database.md; batch/usage_log_columns.h for usage_logs.
#include <string>
#include <vector>

#include "ingest/postgres/blocking/sync_connection.h"
#include "schema/problem.h"

namespace usage_ingest::postgres::probe {

struct ColumnProblem {
  std::string table;
  std::string column;
  bool is_missing;
  bool is_fatal;  // else it works for a time
  Problem problem;
};

// Of tables that exist; a missing table is another check's.
[[nodiscard]] Result<std::vector<ColumnProblem>> CheckColumns(blocking::SyncConnection& connection);

// Columns that are NOT NULL without a default, and that neither `migrate` nor the daemon writes.
[[nodiscard]] Result<std::vector<ColumnProblem>> CheckRequiredColumns(
    blocking::SyncConnection& connection);

}  // namespace usage_ingest::postgres::probe
