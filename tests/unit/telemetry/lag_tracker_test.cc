// lag_seconds is what alerts use: it must neither rise late nor without reason.
#include "daemon/telemetry/lag_tracker.h"

#include <gtest/gtest.h>

namespace usage_ingest::telemetry {
namespace {

const TopicPartition kFirst{"usage", PartitionId{0}};
const TopicPartition kSecond{"usage", PartitionId{1}};

class LagTrackerTest : public ::testing::Test {
 protected:
  void Report(const TopicPartition& source, std::int64_t high, std::int64_t committed,
              std::int64_t oldest_ms = 0) {
    tracker_.Report({.source = &source,
                     .high_watermark = Offset{high},
                     .position = Offset{high},
                     .committed = Offset{committed},
                     .oldest_uncommitted_ms = oldest_ms});
  }
  std::int64_t now_ms_ = 1'000'000;
  LagTracker tracker_{[this] { return now_ms_; }};
};

TEST_F(LagTrackerTest, NothingUncommittedIsZeroHoweverOldTheLastRecordIs) {
  Report(kFirst, 100, 100);
  now_ms_ += 3'600'000;
  EXPECT_EQ(tracker_.Now()[0].known->records, 0);
  EXPECT_EQ(tracker_.Now()[0].known->seconds, 0);
}

TEST_F(LagTrackerTest, AgeIsThatOfTheOldestUncommittedRecordAndGrowsWithoutReports) {
  Report(kFirst, 110, 100, now_ms_ - 2'000);
  EXPECT_EQ(tracker_.Now()[0].known->records, 10);
  EXPECT_EQ(tracker_.Now()[0].known->seconds, 2);
  now_ms_ += 60'000;  // a lane hangs and nothing is reported
  EXPECT_EQ(tracker_.Now()[0].known->seconds, 62);
}

TEST_F(LagTrackerTest, WhatIsNotPolledYetIsCountedFromWhenItWasNoticed) {
  Report(kFirst, 100, 100);
  now_ms_ += 5'000;
  Report(kFirst, 103, 100);
  EXPECT_EQ(tracker_.Now()[0].known->seconds, 0);
  now_ms_ += 7'000;
  Report(kFirst, 103, 100);
  EXPECT_EQ(tracker_.Now()[0].known->seconds, 7);
  Report(kFirst, 103, 103);
  EXPECT_EQ(tracker_.Now()[0].known->seconds, 0);
}

TEST_F(LagTrackerTest, ACommitRestartsTheCountOfWhatIsNotPolled) {
  Report(kFirst, 103, 100);
  now_ms_ += 9'000;
  Report(kFirst, 203, 101);
  EXPECT_EQ(tracker_.Now()[0].known->seconds, 0);
}

TEST_F(LagTrackerTest, AProducersClockThatIsAheadIsNotNegativeLag) {
  Report(kFirst, 101, 100, now_ms_ + 5'000);
  EXPECT_EQ(tracker_.Now()[0].known->seconds, 0);
}

TEST_F(LagTrackerTest, AnOutdatedHighWatermarkIsNotNegativeLag) {
  Report(kFirst, 90, 100);
  EXPECT_EQ(tracker_.Now()[0].known->records, 0);
}

TEST_F(LagTrackerTest, AnAssignedPartitionIsThereAndUnknownUntilKafkaToldItsEnd) {
  const TopicPartition* const assigned[] = {&kFirst};
  tracker_.Assign(assigned);
  now_ms_ += 3'000;
  ASSERT_EQ(tracker_.Now().size(), 1u);
  EXPECT_FALSE(tracker_.Now()[0].known.has_value());
  EXPECT_EQ(tracker_.Now()[0].unknown_ms, 3'000);
  Report(kFirst, 110, 100);
  EXPECT_EQ(tracker_.Now()[0].known->records, 10);
  tracker_.Report({.source = &kFirst, .committed = Offset{100}});
  now_ms_ += 2'000;
  EXPECT_FALSE(tracker_.Now()[0].known.has_value()) << "unknown is not 0, and not what it was";
  EXPECT_EQ(tracker_.Now()[0].unknown_ms, 2'000);
}

TEST_F(LagTrackerTest, ForgetsPartitionsThatWentToAnotherProcess) {
  Report(kFirst, 110, 100);
  Report(kSecond, 110, 100);
  const TopicPartition* const kept[] = {&kSecond};
  tracker_.Assign(kept);
  ASSERT_EQ(tracker_.Now().size(), 1u);
  EXPECT_EQ(tracker_.Now()[0].source, kSecond);
}

}  // namespace
}  // namespace usage_ingest::telemetry
