#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "bench/load/event_renderer.h"
#include "bench/load/event_stream.h"
#include "bench/load/expectation.h"
#include "ingest/event/decoder.h"

namespace usage_ingest::load {
namespace {

constexpr std::int64_t kStart = 1'790'000'000'000'000;

// What the daemon's decoder makes of an event, in the terms of Expectation.
class Decoded : public event::EventSink {
 public:
  void OnEvent(std::uint32_t, const UsageEvent& event) override {
    rows.insert(event.id);
    tokens += event.total_tokens();
    micros += event.input_cost.value + event.output_cost.value;
    latency_ms += event.latency_ms.value_or(0);
    errors += event.status_code >= 400 ? 1 : 0;
    key_hash = std::string(event.key_hash);
  }
  void OnSkip(std::uint32_t, SkipReason) override { ++skipped; }
  void OnReject(std::uint32_t, const event::Rejection& rejection) override {
    ++rejected[rejection.reason];
  }

  std::set<Uuid> rows;
  std::int64_t tokens = 0;
  std::int64_t micros = 0;
  std::int64_t latency_ms = 0;
  std::int64_t errors = 0;
  std::int64_t skipped = 0;
  std::map<DeadLetterReason, std::int64_t> rejected;
  std::string key_hash;
};

class GeneratedEventsTest : public testing::TestWithParam<PayloadSize> {
 protected:
  Population population_{PopulationOptions{}};
  EventStream stream_{
      population_,
      {.events = 20'000, .start_us = kStart, .duplicate_share = 0.05, .odd_share = 0.03}};
};

// The generator computes from facts, the decoder from bytes: they must agree to the last digit.
// Two kinds need the database to be told from rows and are left out.
TEST_P(GeneratedEventsTest, IsDecodedToWhatIsExpected) {
  const EventRenderer renderer(population_, GetParam());
  event::Decoder decoder({event::AllMetadataKeys()});
  Expectation expected(population_.subscriptions.size());
  Arena arena;
  Decoded all;
  const TopicPartition source{"t", {0}};
  std::string value;
  for (std::uint64_t delivery = 0; delivery < 5'000; ++delivery) {
    const EventFacts facts = stream_.At(delivery);
    if (facts.kind == EventKind::kUnknownKey || facts.kind == EventKind::kUnattributable) continue;
    renderer.Render(facts, value);
    expected.Add(facts, value.size());
    Decoded one;
    decoder.Decode({&source, {static_cast<std::int64_t>(delivery)}, {kStart}}, value, arena, one);
    all.skipped += one.skipped;
    for (const auto& [reason, count] : one.rejected) all.rejected[reason] += count;
    if (one.rows.empty() || !all.rows.insert(*one.rows.begin()).second) continue;
    EXPECT_EQ(one.key_hash, population_.keys[facts.key].hash);
    all.tokens += one.tokens;
    all.micros += one.micros;
    all.latency_ms += one.latency_ms;
    all.errors += one.errors;
    arena.Reset();
  }
  EXPECT_EQ(static_cast<std::int64_t>(all.rows.size()), expected.inserted());
  EXPECT_EQ(all.tokens, expected.total().request_tokens + expected.total().response_tokens);
  EXPECT_EQ(all.micros, expected.total().cost_micros);
  EXPECT_EQ(all.latency_ms, expected.total().latency_ms);
  EXPECT_EQ(all.errors, expected.total().errors);
  EXPECT_EQ(all.skipped, expected.skipped());
  EXPECT_THAT(all.rejected,
              testing::UnorderedElementsAre(testing::Key(DeadLetterReason::kInvalidJson),
                                            testing::Key(DeadLetterReason::kValueOutOfRange)));
  EXPECT_EQ(all.rejected[DeadLetterReason::kInvalidJson] +
                all.rejected[DeadLetterReason::kValueOutOfRange],
            expected.dead_lettered());
}

INSTANTIATE_TEST_SUITE_P(Sizes, GeneratedEventsTest,
                         testing::Values(PayloadSize::kLean, PayloadSize::kDefault,
                                         PayloadSize::kFull),
                         [](const auto& size) -> std::string {
                           switch (size.param) {
                             case PayloadSize::kLean:
                               return "Lean";
                             case PayloadSize::kDefault:
                               return "Default";
                             case PayloadSize::kFull:
                               return "Full";
                           }
                           return "";
                         });

// A transaction holds as many rows as its memory allows, so that each sum is updated less often.
// The texts of an event took 577 bytes when each had a key, a user, a team and a model of its own.
TEST(GeneratedEventsMemoryTest, TextsThatManyEventsShareAreKeptOnce) {
  constexpr std::uint64_t kEvents = 20'000;
  const Population population{PopulationOptions{}};
  const EventStream stream{population, {.events = kEvents, .start_us = kStart}};
  const EventRenderer renderer(population, PayloadSize::kDefault);
  event::Decoder decoder({event::AllMetadataKeys()});
  Arena arena;
  Decoded all;
  const TopicPartition source{"t", {0}};
  std::string value;
  for (std::uint64_t i = 0; i < kEvents; ++i) {
    renderer.Render(stream.At(i), value);
    decoder.Decode({&source, {static_cast<std::int64_t>(i)}, {kStart}}, value, arena, all);
  }
  EXPECT_LT(arena.bytes_used() / all.rows.size(), 450U);
}

}  // namespace
}  // namespace usage_ingest::load
