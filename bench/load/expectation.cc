#include "bench/load/expectation.h"

#include <fmt/format.h>

#include "bench/load/python_float.h"

namespace usage_ingest::load {
namespace {

bool IsError(const EventFacts& facts) {
  return facts.kind == EventKind::kFailure || facts.kind == EventKind::kStreamAborted;
}

UsageTotals UsageOf(const EventFacts& facts) {
  const bool is_free = facts.kind == EventKind::kCacheHit || facts.kind == EventKind::kFailure;
  return {.requests = 1,
          .errors = IsError(facts) ? 1 : 0,
          .request_tokens = facts.input_tokens,
          .response_tokens = facts.output_tokens,
          .cost_micros = is_free ? 0 : MicrosOf(facts.total_cost),
          .latency_ms = (facts.end_us - facts.start_us + 500) / 1000};
}

}  // namespace

void UsageTotals::Add(const UsageTotals& other) {
  requests += other.requests;
  errors += other.errors;
  request_tokens += other.request_tokens;
  response_tokens += other.response_tokens;
  cost_micros += other.cost_micros;
  latency_ms += other.latency_ms;
}

void Expectation::Add(const EventFacts& facts, std::size_t bytes) {
  ++records_;
  bytes_ += static_cast<std::int64_t>(bytes);
  // A second copy of what is no row is dead-lettered or skipped again, at its own offset.
  if (facts.is_duplicate && facts.is_row()) {
    ++duplicates_;
    return;
  }
  ++by_kind_[static_cast<std::size_t>(facts.kind)];
  if (!facts.is_row()) return;
  const UsageTotals usage = UsageOf(facts);
  total_.Add(usage);
  by_subscription_[facts.subscription].Add(usage);
}

void Expectation::Merge(const Expectation& other) {
  records_ += other.records_;
  bytes_ += other.bytes_;
  duplicates_ += other.duplicates_;
  for (std::size_t i = 0; i < by_kind_.size(); ++i) by_kind_[i] += other.by_kind_[i];
  total_.Add(other.total_);
  for (std::size_t i = 0; i < by_subscription_.size(); ++i) {
    by_subscription_[i].Add(other.by_subscription_[i]);
  }
}

std::int64_t Expectation::dead_lettered() const {
  std::int64_t sum = 0;
  for (const auto kind :
       {EventKind::kUnattributable, EventKind::kNotJson, EventKind::kNegativeTokens}) {
    sum += by_kind_[static_cast<std::size_t>(kind)];
  }
  return sum;
}

std::int64_t Expectation::skipped() const {
  std::int64_t sum = 0;
  for (const auto kind : {EventKind::kHealthCheck, EventKind::kUnknownKey, EventKind::kTombstone}) {
    sum += by_kind_[static_cast<std::size_t>(kind)];
  }
  return sum;
}

std::string Expectation::ToJson() const {
  std::string kinds;
  for (std::size_t i = 0; i < kEventKinds; ++i) {
    kinds += fmt::format(R"({}"{}":{})", i == 0 ? "" : ",", kEventKindNames[i], by_kind_[i]);
  }
  return fmt::format(
      R"({{"records":{},"bytes":{},"inserted":{},"duplicates":{},"dead_lettered":{},"skipped":{},)"
      R"("errors":{},"request_tokens":{},"response_tokens":{},"cost_micros":{},"latency_ms":{},)"
      R"("kinds":{{{}}}}})",
      records_, bytes_, inserted(), duplicates_, dead_lettered(), skipped(), total_.errors,
      total_.request_tokens, total_.response_tokens, total_.cost_micros, total_.latency_ms, kinds);
}

std::string Expectation::QuotasCsv(const Population& population) const {
  std::string csv;
  for (std::size_t i = 0; i < by_subscription_.size(); ++i) {
    const UsageTotals& used = by_subscription_[i];
    if (used.requests == 0) continue;
    csv += fmt::format("{},{},{}\n", population.subscriptions[i].id, used.requests,
                       used.request_tokens + used.response_tokens);
  }
  return csv;
}

}  // namespace usage_ingest::load
