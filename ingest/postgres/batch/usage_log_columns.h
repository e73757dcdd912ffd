#pragma once
// UsageLogColumns: the columns of usage_logs that the daemon writes. This is the only list of them.
//
// The encoder, the COPY and INSERT statements, the staging table and the checks of the probe are
// all made from it, so they cannot differ in a name or in the order.
//
// Source        PostgreSQL 15 manual, COPY, "Binary Format"; numeric_recv for the digits of base
//               10,000; jsonb_recv for the version byte.
#include <span>
#include <string>
#include <string_view>

#include "schema/usage_event.h"

namespace usage_ingest::postgres::batch {

struct UsageLogColumn {
  std::string_view name;
  std::string_view accepted_types;  // names in pg_type that have the binary format of `append`
  std::string_view type;            // in the seed schema
  void (*append)(std::string& out, const UsageRow& row);
};

[[nodiscard]] std::span<const UsageLogColumn> UsageLogColumns();

// "id, subscription_id, ...": the list in SQL, with `separator` between the names.
[[nodiscard]] std::string UsageLogColumnNames(std::string_view separator = ", ");

// One tuple of binary COPY: the number of columns, then each column.
void AppendUsageLogRow(std::string& out, const UsageRow& row);

}  // namespace usage_ingest::postgres::batch
