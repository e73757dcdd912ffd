#include "ingest/kafka/consumer/back_pressure.h"

#include <gtest/gtest.h>

#include "ingest/kafka/consumer/restart_delay.h"
#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {
namespace {

using Do = BackPressure::Do;
using namespace std::chrono_literals;
constexpr BackPressure::TimePoint kStart{100s};

TEST(BackPressureTest, WaitsWithoutPollingFirst) {
  BackPressure pressure;
  EXPECT_EQ(pressure.OnRefused(kStart), Do::kNap);
  EXPECT_EQ(pressure.OnRefused(kStart + limits::kFullQueueWaitMax - 1ms), Do::kNap);
  EXPECT_EQ(pressure.OnAccepted(false), Do::kNothing);
}

TEST(BackPressureTest, PausesOnceWhenItLasts) {
  BackPressure pressure;
  EXPECT_EQ(pressure.OnRefused(kStart), Do::kNap);
  EXPECT_EQ(pressure.OnRefused(kStart + limits::kFullQueueWaitMax), Do::kPause);
  EXPECT_EQ(pressure.OnRefused(kStart + limits::kFullQueueWaitMax + 1ms), Do::kPoll);
  EXPECT_EQ(pressure.OnRefused(kStart + 1h), Do::kPoll) << "a poll a turn keeps us in the group";
}

TEST(BackPressureTest, AMomentOfRoomBeginsTheWaitAnew) {
  BackPressure pressure;
  EXPECT_EQ(pressure.OnRefused(kStart), Do::kNap);
  EXPECT_EQ(pressure.OnAccepted(false), Do::kNothing);
  EXPECT_EQ(pressure.OnRefused(kStart + 2 * limits::kFullQueueWaitMax), Do::kNap);
}

TEST(BackPressureTest, ResumesOnceAndOnlyBelowHalf) {
  BackPressure pressure;
  EXPECT_EQ(pressure.OnRefused(kStart), Do::kNap);
  EXPECT_EQ(pressure.OnRefused(kStart + limits::kFullQueueWaitMax), Do::kPause);
  EXPECT_EQ(pressure.OnAccepted(false), Do::kPoll);
  EXPECT_TRUE(pressure.is_paused());
  EXPECT_EQ(pressure.OnAccepted(true), Do::kResume);
  EXPECT_FALSE(pressure.is_paused());
  EXPECT_EQ(pressure.OnAccepted(true), Do::kNothing);
}

TEST(BackPressureTest, ForgetsThePauseWithThePartitions) {
  BackPressure pressure;
  EXPECT_EQ(pressure.OnRefused(kStart), Do::kNap);
  EXPECT_EQ(pressure.OnRefused(kStart + limits::kFullQueueWaitMax), Do::kPause);
  pressure.Reset();
  EXPECT_EQ(pressure.OnAccepted(true), Do::kNothing) << "what is not paused is never resumed";
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
