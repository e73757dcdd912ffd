#pragma once
// GeneratedLoad: made-up LiteLLM events for a made-up LiteMaaS installation, and what must come of
// them, computed from the facts and not from the JSON.
//
// Owner         the test. The same seed makes the same installation and events (bench/load).
#include <cstdint>
#include <memory>
#include <string>

#include "bench/load/event_renderer.h"
#include "bench/load/event_stream.h"
#include "bench/load/expectation.h"
#include "bench/load/population.h"
#include "tests/support/kafka/producer.h"
#include "tests/support/pipeline/totals.h"

namespace usage_ingest::support {

struct LoadOptions {
  std::uint64_t seed = 1;
  std::uint64_t events = 10'000;
  std::uint32_t users = 50;
  std::uint32_t models = 8;
  std::uint32_t subscriptions = 200;
  double duplicate_share = 0.02;
  double odd_share = 0.02;  // tombstones, health checks, not JSON, …
  bool one_hot_subscription = false;
  std::int64_t days_ago = 0;   // when the events happened; partitions of that time may be missing
  std::int64_t span_days = 0;  // they began in as many days from then on; 0: in three hours
};

class GeneratedLoad {
 public:
  GeneratedLoad(const LoadOptions& options, std::string topic);

  // REQUIRES: a migrated database.
  void SeedDatabase(const std::string& conninfo) const;
  // The next `count` deliveries, by key; they are on the broker when this returns.
  void Publish(Producer& producer, std::uint64_t count);
  // … or some time later: when Producer::Flush has returned.
  void Produce(Producer& producer, std::uint64_t count);
  // Publishes earlier deliveries again: each is a duplicate or becomes a dead letter again.
  void Repeat(Producer& producer, std::uint64_t begin, std::uint64_t end) const;
  void PublishAll(Producer& producer) { Publish(producer, options_.events - published_); }

  [[nodiscard]] std::uint64_t events() const noexcept { return options_.events; }
  [[nodiscard]] std::uint64_t published() const noexcept { return published_; }
  [[nodiscard]] const load::Expectation& expectation() const noexcept { return expectation_; }
  // For Totals: everything that `producer` delivered, all of it by Publish.
  [[nodiscard]] ExpectedTotals Expected(const Producer& producer) const;
  [[nodiscard]] const load::Population& population() const noexcept { return population_; }

 private:
  load::EventFacts Send(Producer& producer, std::uint64_t delivery, std::string& value) const;

  LoadOptions options_;
  std::string topic_;
  load::Population population_;
  load::EventStream stream_;
  load::EventRenderer renderer_;
  load::Expectation expectation_;
  std::uint64_t published_ = 0;
};

}  // namespace usage_ingest::support
