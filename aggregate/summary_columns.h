#pragma once
// SummaryColumns: the sums of usage_summaries. This is the only list of them.
//
// The upsert of a batch, `summaries verify`, `summaries rebuild` and the probe make their SQL from
// it, so that a column is summed up in the same way everywhere. avg_latency_ms is no sum; each of
// them computes it from latency_ms_sum and latency_count.
//
// Units         `sum` is in units of `unit`: costs are added up in millionths.
// Source        docs/database.md, usage_summaries.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "aggregate/rollup.h"

namespace usage_ingest::aggregate {

struct SummaryColumn {
  std::string_view name;
  std::string_view type;  // wide enough for its sums
  bool is_in_seed;        // else the migrations add it
  // The same sum in SQL, of the rows `l` of usage_logs. is_request: UsageEvent::is_request.
  std::string_view sum_of_rows;
  std::int64_t (*sum)(const Totals& totals);
  std::string_view unit = "1";
};

inline constexpr std::array kSummaryColumns = {
    SummaryColumn{"request_count", "bigint", true, "count(*) FILTER (WHERE is_request)",
                  [](const Totals& totals) { return totals.requests; }},
    SummaryColumn{
        "total_tokens", "bigint", true,
        "sum(l.request_tokens::bigint) + sum(l.response_tokens::bigint)",
        [](const Totals& totals) { return totals.request_tokens + totals.response_tokens; }},
    SummaryColumn{"error_count", "bigint", true,
                  "count(*) FILTER (WHERE is_request AND l.status_code >= 400)",
                  [](const Totals& totals) { return totals.errors; }},
    SummaryColumn{"latency_ms_sum", "bigint", false,
                  "sum(l.latency_ms::bigint) FILTER (WHERE is_request)",
                  [](const Totals& totals) { return totals.latency_ms_sum; }},
    SummaryColumn{"latency_count", "bigint", false, "count(l.latency_ms) FILTER (WHERE is_request)",
                  [](const Totals& totals) { return totals.latency_count; }},
    SummaryColumn{"request_tokens", "bigint", false, "sum(l.request_tokens::bigint)",
                  [](const Totals& totals) { return totals.request_tokens; }},
    SummaryColumn{"response_tokens", "bigint", false, "sum(l.response_tokens::bigint)",
                  [](const Totals& totals) { return totals.response_tokens; }},
    SummaryColumn{"total_cost", "numeric(18,6)", false,
                  "sum(COALESCE(l.input_cost, 0) + COALESCE(l.output_cost, 0))",
                  [](const Totals& totals) { return totals.cost.value; }, "0.000001"},
};

// A total that no column has would be lost; total_tokens is the sum of two.
static_assert(sizeof(Totals) == (kSummaryColumns.size() - 1) * sizeof(std::int64_t));

// The columns that identify a summary, in the order in which every writer locks them.
inline constexpr std::array<std::string_view, 4> kSummaryKey = {"subscription_id", "model_id",
                                                                "period_type", "period_start"};

// SQL: what `write` makes of each column, separated by `separator`.
template <class Write>
[[nodiscard]] std::string JoinSummaryColumns(Write write, std::string_view separator = ", ") {
  std::string joined;
  for (const SummaryColumn& column : kSummaryColumns) {
    if (!joined.empty()) joined += separator;
    joined += write(column);
  }
  return joined;
}

// "request_count, total_tokens, ..."
[[nodiscard]] inline std::string SummaryColumnNames() {
  return JoinSummaryColumns([](const SummaryColumn& column) { return std::string(column.name); });
}

}  // namespace usage_ingest::aggregate
