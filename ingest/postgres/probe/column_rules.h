#pragma once
// ColumnRules: which types of LiteMaaS' columns the daemon works with.
//
// A database that LiteMaaS filled may have other types than the seed. Types that work are accepted,
// the others are reported with the SQL for a person; the type of a column is never changed here.
// `migrate` asks before its first step, the start-up probe asks again.
//
// Source        docs/database.md; batch/usage_log_columns.h for usage_logs.
#include <string>
#include <vector>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::probe {

struct ColumnProblem {
  std::string table;
  std::string column;
  std::string type;  // its type; "" when the column is missing
  std::string fix;   // SQL
};

// Missing ones and those of a type that does not work, of tables that exist; a missing table is
// another check's.
[[nodiscard]] Result<std::vector<ColumnProblem>> CheckColumns(blocking::SyncConnection& connection);

// Columns that are NOT NULL without a default, and that neither `migrate` nor the daemon writes.
[[nodiscard]] Result<std::vector<ColumnProblem>> CheckRequiredColumns(
    blocking::SyncConnection& connection);

}  // namespace usage_ingest::postgres::probe
