#include "tests/support/pipeline/generated_load.h"

#include <chrono>
#include <utility>

#include "bench/load/seed_database.h"

namespace usage_ingest::support {
namespace {

load::EventStreamOptions StreamOptions(const LoadOptions& options) {
  // Ends an hour ago, over three hours: several hours of summaries, sometimes two days.
  constexpr std::int64_t kHourUs = 3600LL * 1'000'000;
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  return {.seed = options.seed,
          .events = options.events,
          .start_us = now.count() - (4 + 24 * options.days_ago) * kHourUs,
          .span_us = (options.span_days == 0 ? 3 : 24 * options.span_days) * kHourUs,
          .duplicate_share = options.duplicate_share,
          .odd_share = options.odd_share,
          .one_hot_subscription = options.one_hot_subscription};
}

}  // namespace

GeneratedLoad::GeneratedLoad(const LoadOptions& options, std::string topic)
    : options_(options),
      topic_(std::move(topic)),
      population_({.seed = options.seed,
                   .users = options.users,
                   .models = options.models,
                   .subscriptions = options.subscriptions}),
      stream_(population_, StreamOptions(options)),
      renderer_(population_, load::PayloadSize::kLean),
      expectation_(population_.subscriptions.size()) {}

void GeneratedLoad::SeedDatabase(const std::string& conninfo) const {
  load::SeedDatabase(population_, conninfo);
}

void GeneratedLoad::Publish(Producer& producer, std::uint64_t count) {
  Produce(producer, count);
  producer.Flush();
}

load::EventFacts GeneratedLoad::Send(Producer& producer, std::uint64_t delivery,
                                     std::string& value) const {
  const load::EventFacts facts = stream_.At(delivery);
  renderer_.Render(facts, value);
  producer.Produce({.topic = topic_,
                    .key = renderer_.KafkaKey(facts),
                    .value = value.empty() ? std::nullopt : std::optional<std::string_view>(value),
                    .timestamp_ms = facts.end_us / 1000});
  return facts;
}

void GeneratedLoad::Produce(Producer& producer, std::uint64_t count) {
  std::string value;
  for (const std::uint64_t end = published_ + count; published_ < end; ++published_) {
    expectation_.Add(Send(producer, published_, value), value.size());
  }
}

void GeneratedLoad::Repeat(Producer& producer, std::uint64_t begin, std::uint64_t end) const {
  std::string value;
  for (; begin < end; ++begin) Send(producer, begin, value);
  producer.Flush();
}

ExpectedTotals GeneratedLoad::Expected(const Producer& producer) const {
  return {.records = producer.delivered(),
          .inserted = expectation_.inserted(),
          .duplicates = expectation_.duplicates(),
          .dead_lettered = expectation_.dead_lettered(),
          .skipped = expectation_.skipped()};
}

}  // namespace usage_ingest::support
