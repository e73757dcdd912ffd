#include "bench/load/event_stream.h"

#include <cmath>

namespace usage_ingest::load {
namespace {

constexpr double kZipfExponent = 1.0;
// A producer retries soon: a duplicate follows within this many deliveries.
constexpr std::uint32_t kDuplicateDistanceMax = 2000;
constexpr std::uint64_t kKindStream = 0x6b696e64;
constexpr std::uint64_t kDuplicateStream = 0x64757021;

// Between 2^low and 2^high, small ones more often.
std::int32_t DrawTokens(Random& random, double low, double high) {
  return static_cast<std::int32_t>(std::exp2(low + (high - low) * random.Unit()));
}

void DrawTimes(EventFacts& facts, Random& random) {
  if (facts.kind == EventKind::kCacheHit) {
    facts.end_us = facts.start_us + 300 + random.Below(4'000);
    facts.first_token_us = facts.end_us;
  } else if (facts.kind == EventKind::kStream || facts.kind == EventKind::kStreamAborted) {
    facts.first_token_us = facts.start_us + 80'000 + random.Below(900'000);
    facts.end_us = facts.first_token_us + facts.output_tokens * 9'000LL + random.Below(200'000);
  } else {
    facts.end_us =
        facts.start_us + 40'000 + facts.output_tokens * 8'000LL + random.Below(1'500'000);
    facts.first_token_us = facts.end_us;
  }
}

void DrawUsage(EventFacts& facts, const Model& model, Random& random) {
  facts.input_tokens = DrawTokens(random, 4, 13);
  facts.output_tokens = facts.kind == EventKind::kEmbedding ? 0 : DrawTokens(random, 3, 11);
  if (facts.kind == EventKind::kNegativeTokens) facts.input_tokens = -facts.input_tokens;
  if (facts.kind == EventKind::kFailure || facts.kind == EventKind::kUnknownKey ||
      facts.kind == EventKind::kHealthCheck) {
    facts.input_tokens = facts.output_tokens = 0;
  }
  facts.input_cost = std::abs(facts.input_tokens) * model.input_price;
  facts.output_cost = facts.output_tokens * model.output_price;
  facts.total_cost = facts.input_cost + facts.output_cost;
}

}  // namespace

EventStream::EventStream(const Population& population, const EventStreamOptions& options)
    : population_(population),
      options_(options),
      popularity_(static_cast<std::uint32_t>(population.subscriptions.size()), kZipfExponent) {}

bool EventStream::IsDuplicateSlot(std::uint64_t delivery) const {
  Random random(options_.seed ^ kDuplicateStream, delivery);
  return delivery > 0 && random.Unit() < options_.duplicate_share;
}

EventFacts EventStream::At(std::uint64_t delivery) const {
  if (!IsDuplicateSlot(delivery)) return Make(delivery);
  Random random(options_.seed ^ kDuplicateStream, ~delivery);
  std::uint64_t number = delivery;
  // Delivery 0 is never a duplicate, so this ends.
  while (IsDuplicateSlot(number)) {
    const std::uint64_t back = 1 + random.Below(kDuplicateDistanceMax);
    number -= back < number ? back : number;
  }
  EventFacts facts = Make(number);
  facts.is_duplicate = true;
  return facts;
}

EventKind EventStream::DrawKind(Random& random, bool is_embedding) const {
  double at = random.Unit();
  if (at < options_.odd_share) {
    constexpr auto kFirstOdd = static_cast<std::uint32_t>(EventKind::kHealthCheck);
    return static_cast<EventKind>(kFirstOdd + random.Below(kEventKinds - kFirstOdd));
  }
  at -= options_.odd_share;
  if (at < options_.failure_share) return EventKind::kFailure;
  at = random.Unit();
  if (at < 0.03) return EventKind::kCacheHit;
  if (is_embedding) return EventKind::kEmbedding;
  if (at < 0.035) return EventKind::kStreamAborted;
  return at < 0.45 ? EventKind::kStream : EventKind::kChat;
}

EventFacts EventStream::Make(std::uint64_t number) const {
  Random random(options_.seed ^ kKindStream, number);
  EventFacts facts;
  facts.number = number;
  facts.subscription = options_.one_hot_subscription ? 0 : popularity_.Draw(random);
  const Subscription& subscription = population_.subscriptions[facts.subscription];
  const User& user = population_.users[subscription.user];
  const Model& model = population_.models[subscription.model];
  facts.key = user.first_key + random.Below(user.key_count);
  facts.kind = DrawKind(random, model.is_embedding);
  facts.failure = random.Below(static_cast<std::uint32_t>(kFailures.size()));
  // Evenly over the span, out of order by up to a second as in the captures.
  const double progress =
      static_cast<double>(number % options_.events) / static_cast<double>(options_.events);
  facts.start_us = options_.start_us +
                   static_cast<std::int64_t>(progress * static_cast<double>(options_.span_us)) +
                   random.Below(1'000'000);
  DrawUsage(facts, model, random);
  DrawTimes(facts, random);
  facts.noise = Random(random.Next(), number);
  return facts;
}

}  // namespace usage_ingest::load
