#pragma once
// SumColumns: how a table of sums is described, in C++ and in SQL.
//
// summary_columns.h and daily_columns.h each have a list of these. The upserts, `summaries verify`,
// `summaries rebuild` and `report` make their SQL from it, so that a column is summed up in the
// same way everywhere. The probe checks the columns of the summaries by it.
//
// Units         `sum` is in units of `unit`: costs are added up in millionths.
#include <cstdint>
#include <string_view>

namespace usage_ingest::aggregate {

template <class Totals>
struct SumColumn {
  std::string_view name;
  std::string_view type;  // wide enough for its sums
  // The same sum in SQL, of the rows `l` of usage_logs. is_request: UsageEvent::is_request.
  std::string_view sum_of_rows;
  std::int64_t (*sum)(const Totals& totals);
  std::string_view unit = "1";
  bool is_in_seed = false;  // else the migrations add it
};

// Sums that both tables have, under different names.
namespace sql {
inline constexpr std::string_view kRequests = "count(*) FILTER (WHERE is_request)";
inline constexpr std::string_view kErrors =
    "count(*) FILTER (WHERE is_request AND l.status_code >= 400)";
inline constexpr std::string_view kRequestTokens = "sum(l.request_tokens::bigint)";
inline constexpr std::string_view kResponseTokens = "sum(l.response_tokens::bigint)";
inline constexpr std::string_view kCost =
    "sum(COALESCE(l.input_cost, 0) + COALESCE(l.output_cost, 0))";
inline constexpr std::string_view kLatencySum =
    "sum(l.latency_ms::bigint) FILTER (WHERE is_request)";
inline constexpr std::string_view kLatencyCount = "count(l.latency_ms) FILTER (WHERE is_request)";
}  // namespace sql
inline constexpr std::string_view kCostType = "numeric(18,6)";
inline constexpr std::string_view kCostUnit = "0.000001";

}  // namespace usage_ingest::aggregate
