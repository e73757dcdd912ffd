#pragma once
// DailyColumns: the sums of usage_ingest.usage_daily. This is the only list of them.
//
// The upsert of a batch, `summaries verify`, `summaries rebuild` and `report` make their SQL from
// it, so that a column is summed up in the same way everywhere.
//
// Units         `sum` is in units of `unit`: costs are added up in millionths.
// Source        docs/database.md, "The history".
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "aggregate/daily_usage.h"

namespace usage_ingest::aggregate {

struct DailyColumn {
  std::string_view name;
  std::string_view type;
  // The same sum in SQL, of the rows `l` of usage_logs. is_request: UsageEvent::is_request.
  std::string_view sum_of_rows;
  std::int64_t (*sum)(const DailyTotals& of);
  std::string_view unit = "1";
};

// Rows of another program may have anything in their metadata.
#define USAGE_INGEST_SUM_OF_METADATA(name)                              \
  "sum(CASE WHEN jsonb_typeof(l.metadata->'" name                       \
  "') = 'number' THEN CASE WHEN (l.metadata->'" name                    \
  "')::numeric BETWEEN 0 AND 2147483647 THEN trunc((l.metadata->'" name \
  "')::numeric)::bigint ELSE 0 END ELSE 0 END)"

inline constexpr std::array kDailyColumns = {
    DailyColumn{"requests", "bigint", "count(*) FILTER (WHERE is_request)",
                [](const DailyTotals& of) { return of.totals.requests; }},
    DailyColumn{"errors", "bigint", "count(*) FILTER (WHERE is_request AND l.status_code >= 400)",
                [](const DailyTotals& of) { return of.totals.errors; }},
    DailyColumn{"input_tokens", "bigint", "sum(l.request_tokens::bigint)",
                [](const DailyTotals& of) { return of.totals.request_tokens; }},
    DailyColumn{"output_tokens", "bigint", "sum(l.response_tokens::bigint)",
                [](const DailyTotals& of) { return of.totals.response_tokens; }},
    DailyColumn{"cached_tokens", "bigint", USAGE_INGEST_SUM_OF_METADATA("cached_tokens"),
                [](const DailyTotals& of) { return of.cached_tokens; }},
    DailyColumn{"reasoning_tokens", "bigint", USAGE_INGEST_SUM_OF_METADATA("reasoning_tokens"),
                [](const DailyTotals& of) { return of.reasoning_tokens; }},
    DailyColumn{"cost", "numeric(18,6)",
                "sum(COALESCE(l.input_cost, 0) + COALESCE(l.output_cost, 0))",
                [](const DailyTotals& of) { return of.totals.cost.value; }, "0.000001"},
    DailyColumn{"latency_ms_sum", "bigint", "sum(l.latency_ms::bigint) FILTER (WHERE is_request)",
                [](const DailyTotals& of) { return of.totals.latency_ms_sum; }},
    DailyColumn{"latency_count", "bigint", "count(l.latency_ms) FILTER (WHERE is_request)",
                [](const DailyTotals& of) { return of.totals.latency_count; }},
};
#undef USAGE_INGEST_SUM_OF_METADATA

// A total that no column has would be lost.
static_assert(sizeof(DailyTotals) == kDailyColumns.size() * sizeof(std::int64_t));

// The columns that identify a row.
inline constexpr std::array<std::string_view, 5> kDailyKey = {"day", "subscription_id",
                                                              "api_key_id", "team_id", "model_id"};

// SQL: what `write` makes of each column, separated by `separator`.
template <class Write>
[[nodiscard]] std::string JoinDailyColumns(Write write, std::string_view separator = ", ") {
  std::string joined;
  for (const DailyColumn& column : kDailyColumns) {
    if (!joined.empty()) joined += separator;
    joined += write(column);
  }
  return joined;
}

// "requests, errors, ..."
[[nodiscard]] inline std::string DailyColumnNames() {
  return JoinDailyColumns([](const DailyColumn& column) { return std::string(column.name); });
}

}  // namespace usage_ingest::aggregate
