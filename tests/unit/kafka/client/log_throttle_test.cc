#include "ingest/kafka/client/log_throttle.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::client {
namespace {

constexpr LogThrottle::TimePoint kStart{std::chrono::seconds(100)};

TEST(LogThrottleTest, SaysAThingOnceAnIntervalAndHowOftenItWasQuiet) {
  LogThrottle throttle;
  EXPECT_EQ(throttle.Admit("down", kStart), 0U);
  EXPECT_EQ(throttle.Admit("down", kStart), std::nullopt);
  EXPECT_EQ(throttle.Admit("down", kStart + LogThrottle::kInterval / 2), std::nullopt);
  EXPECT_EQ(throttle.Admit("other", kStart), 0U);
  EXPECT_EQ(throttle.Admit("down", kStart + LogThrottle::kInterval), 2U);
  EXPECT_EQ(throttle.Admit("down", kStart + 2 * LogThrottle::kInterval), 0U);
}

TEST(LogThrottleTest, StaysBounded) {
  LogThrottle throttle;
  for (std::size_t i = 0; i < 10 * LogThrottle::kKeysMax; ++i) {
    EXPECT_EQ(throttle.Admit(std::to_string(i), kStart), 0U);
  }
  // The last ones are still remembered, the first ones were forgotten.
  EXPECT_EQ(throttle.Admit(std::to_string(10 * LogThrottle::kKeysMax - 1), kStart), std::nullopt);
  EXPECT_EQ(throttle.Admit("0", kStart), 0U);
}

}  // namespace
}  // namespace usage_ingest::kafka::client
