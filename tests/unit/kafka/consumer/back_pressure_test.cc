#include "ingest/kafka/consumer/back_pressure.h"

#include <gtest/gtest.h>

#include "ingest/kafka/consumer/restart_delay.h"
#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {
namespace {

using Action = BackPressure::Action;
using namespace std::chrono_literals;
constexpr BackPressure::TimePoint kStart{100s};

TEST(BackPressureTest, WaitsWithoutPollingFirst) {
  BackPressure pressure;
  EXPECT_EQ(pressure.OnRefused(kStart), Action::kWait);
  EXPECT_EQ(pressure.OnRefused(kStart + limits::kFullQueueWaitMax - 1ms), Action::kWait);
  EXPECT_EQ(pressure.OnAccepted(false), Action::kContinue);
}

TEST(BackPressureTest, PausesOnceWhenItLasts) {
  BackPressure pressure;
  EXPECT_EQ(pressure.OnRefused(kStart), Action::kWait);
  EXPECT_EQ(pressure.OnRefused(kStart + limits::kFullQueueWaitMax), Action::kPause);
  EXPECT_EQ(pressure.OnRefused(kStart + limits::kFullQueueWaitMax + 1ms), Action::kPoll);
  EXPECT_EQ(pressure.OnRefused(kStart + 1h), Action::kPoll)
      << "a poll a turn keeps us in the group";
}

TEST(BackPressureTest, AMomentOfRoomRestartsTheWait) {
  BackPressure pressure;
  EXPECT_EQ(pressure.OnRefused(kStart), Action::kWait);
  EXPECT_EQ(pressure.OnAccepted(false), Action::kContinue);
  EXPECT_EQ(pressure.OnRefused(kStart + 2 * limits::kFullQueueWaitMax), Action::kWait);
}

TEST(BackPressureTest, ResumesOnceAndOnlyBelowHalf) {
  BackPressure pressure;
  EXPECT_EQ(pressure.OnRefused(kStart), Action::kWait);
  EXPECT_EQ(pressure.OnRefused(kStart + limits::kFullQueueWaitMax), Action::kPause);
  EXPECT_EQ(pressure.OnAccepted(false), Action::kPoll);
  EXPECT_TRUE(pressure.is_paused());
  EXPECT_EQ(pressure.OnAccepted(true), Action::kResume);
  EXPECT_FALSE(pressure.is_paused());
  EXPECT_EQ(pressure.OnAccepted(true), Action::kContinue);
}

TEST(BackPressureTest, ForgetsThePauseWithThePartitions) {
  BackPressure pressure;
  EXPECT_EQ(pressure.OnRefused(kStart), Action::kWait);
  EXPECT_EQ(pressure.OnRefused(kStart + limits::kFullQueueWaitMax), Action::kPause);
  pressure.Reset();
  EXPECT_EQ(pressure.OnAccepted(true), Action::kContinue) << "what is not paused is never resumed";
}

TEST(RestartDelayTest, GrowsWhileTheTroubleLastsAndIsForgottenAfterIt) {
  RestartDelay delay;
  EXPECT_EQ(delay.Next(kStart), 0ms);
  EXPECT_EQ(delay.Next(kStart + 1s), limits::kBackoffMin);
  EXPECT_EQ(delay.Next(kStart + 2s), 2 * limits::kBackoffMin);
  for (int i = 0; i < 20; ++i) EXPECT_LE(delay.Next(kStart + 3s), limits::kBackoffMax);
  EXPECT_EQ(delay.Next(kStart + 4s), limits::kBackoffMax);
  EXPECT_EQ(delay.Next(kStart + 4s + RestartDelay::kForgetAfter + 1ms), 0ms);
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
