#include "aggregate/totals.h"

namespace usage_ingest::aggregate {

void Totals::Add(const UsageEvent& event) {
  request_tokens += event.request_tokens;
  response_tokens += event.response_tokens;
  cost.value += event.input_cost.value + event.output_cost.value;
  if (!event.is_request) return;
  ++requests;
  errors += event.status_code >= 400 ? 1 : 0;
  latency_ms_sum += event.latency_ms.value_or(0);
  latency_count += event.latency_ms.has_value() ? 1 : 0;
}

void Totals::Add(const Totals& other) {
  requests += other.requests;
  errors += other.errors;
  request_tokens += other.request_tokens;
  response_tokens += other.response_tokens;
  latency_ms_sum += other.latency_ms_sum;
  latency_count += other.latency_count;
  cost.value += other.cost.value;
}

}  // namespace usage_ingest::aggregate
