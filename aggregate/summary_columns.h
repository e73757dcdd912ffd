#pragma once
// SummaryColumns: the sums of usage_summaries. This is the only list of them.
//
// avg_latency_ms is no sum; each writer computes it from latency_ms_sum and latency_count.
//
// Source        docs/database.md, usage_summaries.
#include <array>
#include <string_view>

#include "aggregate/rollup.h"
#include "aggregate/sum_columns.h"

namespace usage_ingest::aggregate {

using SummaryColumn = SumColumn<Totals>;

inline constexpr std::array kSummaryColumns = {
    SummaryColumn{.name = "request_count",
                  .type = "bigint",
                  .sum_of_rows = sql::kRequests,
                  .sum = [](const Totals& totals) { return totals.requests; },
                  .is_in_seed = true},
    SummaryColumn{
        .name = "total_tokens",
        .type = "bigint",
        .sum_of_rows = "sum(l.request_tokens::bigint) + sum(l.response_tokens::bigint)",
        .sum = [](const Totals& totals) { return totals.request_tokens + totals.response_tokens; },
        .is_in_seed = true},
    SummaryColumn{.name = "error_count",
                  .type = "bigint",
                  .sum_of_rows = sql::kErrors,
                  .sum = [](const Totals& totals) { return totals.errors; },
                  .is_in_seed = true},
    SummaryColumn{"latency_ms_sum", "bigint", sql::kLatencySum,
                  [](const Totals& totals) { return totals.latency_ms_sum; }},
    SummaryColumn{"latency_count", "bigint", sql::kLatencyCount,
                  [](const Totals& totals) { return totals.latency_count; }},
    SummaryColumn{"request_tokens", "bigint", sql::kRequestTokens,
                  [](const Totals& totals) { return totals.request_tokens; }},
    SummaryColumn{"response_tokens", "bigint", sql::kResponseTokens,
                  [](const Totals& totals) { return totals.response_tokens; }},
    SummaryColumn{"total_cost", kCostType, sql::kCost,
                  [](const Totals& totals) { return totals.cost.value; }, kCostUnit},
};

// A total that no column has would be lost; total_tokens is the sum of two.
static_assert(sizeof(Totals) == (kSummaryColumns.size() - 1) * sizeof(std::int64_t));

// The columns that identify a summary, in the order in which every writer locks them.
inline constexpr std::array<std::string_view, 4> kSummaryKey = {"subscription_id", "model_id",
                                                                "period_type", "period_start"};

}  // namespace usage_ingest::aggregate
