#pragma once
// Totals: the sums of rows that summaries, quotas and the history have in common.
//
// Units         latencies in milliseconds, cost in millionths.
#include <cstdint>

#include "schema/usage_event.h"

namespace usage_ingest::aggregate {

// Each member is in a column of summary_columns.h, and of daily_columns.h.
struct Totals {
  std::int64_t requests = 0;  // rows with is_request; so are errors and latencies
  std::int64_t errors = 0;    // status_code >= 400
  std::int64_t request_tokens = 0;
  std::int64_t response_tokens = 0;
  std::int64_t latency_ms_sum = 0;  // over known latencies only
  std::int64_t latency_count = 0;
  MicroCost cost;

  void Add(const UsageEvent& event);
  void Add(const Totals& other);
  friend bool operator==(const Totals&, const Totals&) = default;
};

}  // namespace usage_ingest::aggregate
