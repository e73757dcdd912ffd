#include "ingest/pipeline/log_throttle.h"

#include <gtest/gtest.h>

namespace usage_ingest::pipeline {
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

TEST(LogThrottleTest, MessagesThatDifferInNumbersOrAddressesAreOneKind) {
  EXPECT_EQ(MessageKind("while updating tuple (12,34) in relation \"usage_summaries\""),
            MessageKind("while updating tuple (0,7) in relation \"usage_summaries\""));
  EXPECT_EQ(MessageKind("ssl://kafka-1:9093/1: handshake failed (after 5ms)"),
            MessageKind("ssl://10.0.0.7:9093/bootstrap: handshake failed (after 1012ms)"));
  EXPECT_EQ(MessageKind("key 0f3a-7b: gone"), MessageKind("key c1-9: gone"));
  EXPECT_NE(MessageKind("lock timeout in \"usage_summaries\""),
            MessageKind("lock timeout in \"subscriptions\""));
  EXPECT_EQ(MessageKind(""), "");
  EXPECT_EQ(MessageKind("no number."), "no number.");
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
}  // namespace usage_ingest::pipeline
