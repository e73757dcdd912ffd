#include "bench/load/event_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "bench/load/event_renderer.h"

namespace usage_ingest::load {
namespace {

constexpr std::int64_t kStart = 1'790'000'000'000'000;
constexpr std::uint64_t kEvents = 20'000;

class EventStreamTest : public testing::Test {
 protected:
  std::string Rendered(const EventFacts& facts) {
    std::string value;
    renderer_.Render(facts, value);
    return value;
  }

  Population population_{PopulationOptions{}};
  EventRenderer renderer_{population_, PayloadSize::kDefault};
  EventStream stream_{
      population_,
      {.events = kEvents, .start_us = kStart, .duplicate_share = 0.05, .odd_share = 0.03}};
};

TEST_F(EventStreamTest, ADuplicateIsAnEarlierDeliveryByteForByte) {
  int duplicates = 0;
  for (std::uint64_t delivery = 0; delivery < 2'000; ++delivery) {
    const EventFacts facts = stream_.At(delivery);
    if (!facts.is_duplicate) continue;
    ++duplicates;
    ASSERT_LT(facts.number, delivery);
    const EventFacts first = stream_.At(facts.number);
    EXPECT_FALSE(first.is_duplicate);
    EXPECT_EQ(Rendered(facts), Rendered(first));
  }
  EXPECT_GT(duplicates, 50);
}

TEST_F(EventStreamTest, AFewSubscriptionsMakeMostOfTheRequests) {
  std::vector<int> uses(population_.subscriptions.size());
  for (std::uint64_t delivery = 0; delivery < kEvents; ++delivery) {
    ++uses[stream_.At(delivery).subscription];
  }
  std::ranges::sort(uses, std::greater());
  // Zipf with exponent 1 over 4,000: the first has 1 / 8.87 of all.
  EXPECT_NEAR(uses[0], kEvents / 8.87, kEvents / 100.0);
  EXPECT_GT(uses[1000], 0);
}

TEST_F(EventStreamTest, OneHotSubscriptionReachesManyKeys) {
  const EventStream hot(population_, {.start_us = kStart, .one_hot_subscription = true});
  std::set<std::uint32_t> keys;
  for (std::uint64_t delivery = 0; delivery < 1'000; ++delivery) {
    EXPECT_EQ(hot.At(delivery).subscription, 0U);
    keys.insert(hot.At(delivery).key);
  }
  EXPECT_EQ(keys.size(), kKeysOfHottestUser);
}

}  // namespace
}  // namespace usage_ingest::load
