#pragma once
// Expectation: what PostgreSQL must hold once everything that was published is ingested.
//
// It is computed from the facts, not from the JSON, and by code that shares nothing with the
// daemon: a mistake in either shows as a difference.
//
// Shape         a value; Merge() adds another thread's.
// Units         cost in micros (millionths); latency in milliseconds.
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/load/event_stream.h"
#include "bench/load/population.h"

namespace usage_ingest::load {

struct UsageTotals {
  std::int64_t requests = 0;
  std::int64_t errors = 0;
  std::int64_t request_tokens = 0;
  std::int64_t response_tokens = 0;
  std::int64_t cost_micros = 0;
  std::int64_t latency_ms = 0;

  void Add(const UsageTotals& other);
};

class Expectation {
 public:
  explicit Expectation(std::size_t subscriptions) : by_subscription_(subscriptions) {}

  void Add(const EventFacts& facts, std::size_t bytes);
  void Merge(const Expectation& other);

  // One JSON object; keys as `usage-ingestd replay --json` has them where they mean the same.
  [[nodiscard]] std::string ToJson() const;
  // "subscription_id,requests,tokens" lines with usage, for an exact comparison of quotas.
  [[nodiscard]] std::string QuotasCsv(const Population& population) const;

  [[nodiscard]] std::int64_t records() const { return records_; }
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  [[nodiscard]] std::int64_t inserted() const { return total_.requests; }
  [[nodiscard]] std::int64_t duplicates() const { return duplicates_; }
  [[nodiscard]] std::int64_t dead_lettered() const;
  [[nodiscard]] std::int64_t skipped() const;
  [[nodiscard]] const UsageTotals& total() const { return total_; }

 private:
  std::int64_t records_ = 0;
  std::int64_t bytes_ = 0;
  std::int64_t duplicates_ = 0;
  std::array<std::int64_t, kEventKinds> by_kind_{};  // deliveries that are no duplicate rows
  UsageTotals total_;
  std::vector<UsageTotals> by_subscription_;
};

}  // namespace usage_ingest::load
