#pragma once
// SummaryUpsert: adds sums to usage_summaries, in SQL made from aggregate/summary_columns.h.
//
// Source        docs/database.md, usage_summaries.
#include <span>
#include <string>
#include <string_view>

#include "aggregate/rollup.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::batch {

// INSERT ... ON CONFLICT DO UPDATE of the rows of `source`, a FROM item `d` and what follows it,
// with the key and the sums under their names in usage_summaries.
[[nodiscard]] std::string UpsertSummariesSql(std::string_view source);

// The sums of a batch. They are locked in the order of `summaries`, which the roll-up has sorted.
[[nodiscard]] session::Statement AddSummaries(std::span<const aggregate::SummaryDelta> summaries);

}  // namespace usage_ingest::postgres::batch
