#include "ingest/kafka/consumer/position_check.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;

const TopicPartition kFirst{"t", PartitionId{0}};
const TopicPartition kSecond{"t", PartitionId{1}};
constexpr PositionCheck::TimePoint kStart{100s};

class PositionCheckTest : public ::testing::Test {
 protected:
  PositionCheckTest() {
    check_.Reset(kStart);
    for (AssignedPartition& partition : partitions_) partition.OnCommitted(Offset{10});
  }
  static StoredOffset At(std::int64_t next) {
    return {.next_offset = Offset{next}, .last_record = {}};
  }

  std::vector<AssignedPartition> partitions_{{&kFirst, 0}, {&kSecond, 1}};
  PositionCheck check_{30s};
};

TEST_F(PositionCheckTest, IsDueOnceAnIntervalAndNotWhileItWaits) {
  EXPECT_FALSE(check_.IsDue(kStart + 29s, partitions_));
  EXPECT_TRUE(check_.IsDue(kStart + 30s, partitions_));
  EXPECT_FALSE(check_.IsDue(kStart + 2h, partitions_)) << "the answer takes as long as it takes";
  EXPECT_FALSE(check_.HasGoneBack(std::vector{At(10), At(10)}));
  EXPECT_TRUE(check_.IsDue(kStart + 2h, partitions_));
}

TEST_F(PositionCheckTest, ANewEpochHasJustLooked) {
  ASSERT_TRUE(check_.IsDue(kStart + 30s, partitions_));
  check_.Reset(kStart + 40s);
  EXPECT_FALSE(check_.IsDue(kStart + 69s, partitions_));
  EXPECT_TRUE(check_.IsDue(kStart + 70s, partitions_));
}

TEST_F(PositionCheckTest, NothingAssignedIsNothingToAskFor) {
  EXPECT_FALSE(check_.IsDue(kStart + 1h, {}));
}

TEST_F(PositionCheckTest, OnePartitionThatHoldsLessHasGoneBack) {
  ASSERT_TRUE(check_.IsDue(kStart + 30s, partitions_));
  EXPECT_TRUE(check_.HasGoneBack(std::vector{At(12), At(9)}));
}

// A lane commits between the moment of asking and the answer: the rows are newer than what was
// known, or older than what is known by now, and both are as it should be.
TEST_F(PositionCheckTest, ACommitDuringTheCheckIsNoFalseAlarm) {
  ASSERT_TRUE(check_.IsDue(kStart + 30s, partitions_));
  partitions_[0].OnCommitted(Offset{20});
  EXPECT_FALSE(check_.HasGoneBack(std::vector{At(10), At(15)}));
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
