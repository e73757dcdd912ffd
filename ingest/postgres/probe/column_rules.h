#pragma once
// ColumnRules: which types of LiteMaaS' columns the daemon works with.
//
// A database that LiteMaaS filled may have other types than the seed. What works is accepted, what
// does not is named with the SQL for a person; nothing is ever retyped by us. `migrate` asks before
// its first step, the start-up probe asks again.
//
// Source        docs/database.md. The columns of usage_logs must have the binary format that
//               CopyEncoder writes: timestamp and timestamptz share one, integer and bigint do not.
#include <string>
#include <vector>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::probe {

struct ColumnProblem {
  std::string table;
  std::string column;
  std::string type;  // its type; "" when the column is missing
  std::string fix;   // the SQL that mends it
};

// Missing ones and those of a type that does not work, of tables that exist; a missing table is
// another check's.
[[nodiscard]] Result<std::vector<ColumnProblem>> CheckColumns(blocking::SyncConnection& connection);

// Columns that are NOT NULL without a default, and that neither `migrate` nor the daemon writes.
[[nodiscard]] Result<std::vector<ColumnProblem>> CheckRequiredColumns(
    blocking::SyncConnection& connection);

}  // namespace usage_ingest::postgres::probe
