#pragma once
// DailyColumns: the sums of usage_ingest.usage_daily. This is the only list of them.
//
// Source        docs/database.md, "The history".
#include <array>
#include <string_view>

#include "aggregate/daily_usage.h"
#include "aggregate/sum_columns.h"
#include "schema/token_keys.h"

namespace usage_ingest::aggregate {

using DailyColumn = SumColumn<DailyTotals>;

// Rows of another program may have anything in their metadata.
#define USAGE_INGEST_SUM_OF_METADATA(name)                              \
  "sum(CASE WHEN jsonb_typeof(l.metadata->'" name                       \
  "') = 'number' THEN CASE WHEN (l.metadata->'" name                    \
  "')::numeric BETWEEN 0 AND 2147483647 THEN trunc((l.metadata->'" name \
  "')::numeric)::bigint ELSE 0 END ELSE 0 END)"

inline constexpr std::array kDailyColumns = {
    DailyColumn{"requests", "bigint", sql::kRequests,
                [](const DailyTotals& of) { return of.totals.requests; }},
    DailyColumn{"errors", "bigint", sql::kErrors,
                [](const DailyTotals& of) { return of.totals.errors; }},
    DailyColumn{"input_tokens", "bigint", sql::kRequestTokens,
                [](const DailyTotals& of) { return of.totals.request_tokens; }},
    DailyColumn{"output_tokens", "bigint", sql::kResponseTokens,
                [](const DailyTotals& of) { return of.totals.response_tokens; }},
    DailyColumn{"cached_tokens", "bigint", USAGE_INGEST_SUM_OF_METADATA("cached_tokens"),
                [](const DailyTotals& of) { return of.cached_tokens; }},
    DailyColumn{"reasoning_tokens", "bigint", USAGE_INGEST_SUM_OF_METADATA("reasoning_tokens"),
                [](const DailyTotals& of) { return of.reasoning_tokens; }},
    DailyColumn{"cost", kCostType, sql::kCost,
                [](const DailyTotals& of) { return of.totals.cost.value; }, kCostUnit},
    DailyColumn{"latency_ms_sum", "bigint", sql::kLatencySum,
                [](const DailyTotals& of) { return of.totals.latency_ms_sum; }},
    DailyColumn{"latency_count", "bigint", sql::kLatencyCount,
                [](const DailyTotals& of) { return of.totals.latency_count; }},
};
#undef USAGE_INGEST_SUM_OF_METADATA
// A macro cannot join the constants to its text.
static_assert(kCachedTokens == "cached_tokens" && kReasoningTokens == "reasoning_tokens");

// A total that no column has would be lost.
static_assert(sizeof(DailyTotals) == kDailyColumns.size() * sizeof(std::int64_t));

// The columns that identify a row.
inline constexpr std::array<std::string_view, 5> kDailyKey = {"day", "subscription_id",
                                                              "api_key_id", "team_id", "model_id"};

}  // namespace usage_ingest::aggregate
