#pragma once
// DailyUpsert: adds sums to the history, usage_ingest.usage_daily, in SQL made from
// aggregate/daily_columns.h.
//
// A row that is there already has its names, so only the first use of a day looks them up.
//
// Source        docs/database.md, "The history".
#include <span>
#include <string>
#include <string_view>

#include "aggregate/daily_usage.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::batch {

// INSERT ... ON CONFLICT DO UPDATE of the rows of `source`, a FROM item `d` and what follows it,
// with the key and the sums under their names in usage_daily.
[[nodiscard]] std::string UpsertDailySql(std::string_view source);

// The sums of a batch. They are locked in the order of `days`, which the roll-up has sorted.
[[nodiscard]] session::Statement AddDaily(std::span<const aggregate::DailyDelta> days);

}  // namespace usage_ingest::postgres::batch
