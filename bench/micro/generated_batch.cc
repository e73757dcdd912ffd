#include "bench/micro/generated_batch.h"

#include "bench/load/event_renderer.h"
#include "bench/load/event_stream.h"
#include "ingest/event/decoder.h"
#include "schema/check.h"

namespace usage_ingest::bench {
namespace {

constexpr std::int64_t kStart = 1'790'000'000'000'000;

class Collect : public event::EventSink {
 public:
  void OnEvent(std::uint32_t, const UsageEvent& event) override { last = event; }
  void OnSkip(std::uint32_t, SkipReason) override { USAGE_INGEST_CHECK(false); }
  void OnReject(std::uint32_t, const event::Rejection&) override { USAGE_INGEST_CHECK(false); }
  UsageEvent last;
};

Uuid Id(const std::string& text) {
  const auto id = Uuid::Parse(text);
  USAGE_INGEST_CHECK(id);
  return *id;
}

}  // namespace

GeneratedBatch::GeneratedBatch(std::size_t rows, bool one_hot_subscription)
    : population_(load::PopulationOptions{}) {
  const load::EventStream stream(
      population_,
      {.start_us = kStart, .duplicate_share = 0, .one_hot_subscription = one_hot_subscription});
  const load::EventRenderer renderer(population_, load::PayloadSize::kDefault);
  event::Decoder decoder({event::AllMetadataKeys()});
  const TopicPartition source{"generated", {0}};
  Collect collect;
  std::string value;
  for (std::uint64_t number = 0; number < rows; ++number) {
    const load::EventFacts facts = stream.At(number);
    renderer.Render(facts, value);
    decoder.Decode({&source, {static_cast<std::int64_t>(number)}, {kStart}}, value, arena_,
                   collect);
    const load::Subscription& subscription = population_.subscriptions[facts.subscription];
    const load::User& user = population_.users[subscription.user];
    rows_.push_back({collect.last,
                     {Id(subscription.id), Id(population_.keys[facts.key].id),
                      Id(population_.teams[user.team].id)}});
  }
}

}  // namespace usage_ingest::bench
