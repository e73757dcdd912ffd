#include "ingest/kafka/range/range_ends.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::range {
namespace {

using Decision = RangeEnds::Decision;
const TopicPartition kSource{"t", PartitionId{0}};

RangeEnds Range(std::int64_t begin, std::int64_t end) {
  return {PartitionRange{.source = &kSource, .begin = Offset{begin}, .end = Offset{end}}, 0};
}

TEST(RangeEndsTest, AnEmptyRangeIsDoneAtOnce) { EXPECT_TRUE(Range(5, 5).is_done()); }

TEST(RangeEndsTest, IsDoneWithItsLastRecord) {
  RangeEnds range = Range(5, 7);
  EXPECT_EQ(range.OnRecord(Offset{5}), Decision::kDeliver);
  EXPECT_FALSE(range.is_done());
  EXPECT_EQ(range.OnRecord(Offset{6}), Decision::kDeliver);
  EXPECT_TRUE(range.is_done());
  EXPECT_EQ(range.OnRecord(Offset{7}), Decision::kDrop);
  EXPECT_EQ(range.offsets_done(), 2);
}

TEST(RangeEndsTest, ARecordBehindTheEndSaysThatTheRestWasAHole) {
  RangeEnds range = Range(5, 10);
  EXPECT_EQ(range.OnRecord(Offset{12}), Decision::kDrop);
  EXPECT_TRUE(range.is_done());
}

TEST(RangeEndsTest, TheLogsEndSaysThatTheRestWasAHole) {
  RangeEnds range = Range(5, 10);
  EXPECT_EQ(range.OnRecord(Offset{8}), Decision::kDeliver);  // 9 is a transaction's marker
  range.OnEndReached(Offset{10});
  EXPECT_TRUE(range.is_done());
}

TEST(RangeEndsTest, ALogThatIsNotThereYetIsWaitedFor) {
  RangeEnds range = Range(5, 10);
  range.OnEndReached(Offset{8});
  EXPECT_FALSE(range.is_done());
  EXPECT_EQ(range.OnRecord(Offset{9}), Decision::kDeliver);
  EXPECT_TRUE(range.is_done());
}

TEST(RangeEndsTest, DropsWhatComesAgain) {
  RangeEnds range = Range(5, 10);
  EXPECT_EQ(range.OnRecord(Offset{5}), Decision::kDeliver);
  EXPECT_EQ(range.OnRecord(Offset{5}), Decision::kDrop);
}

TEST(RangeEndsTest, CountsWhatRetentionDeletedDuringTheRun) {
  RangeEnds range = Range(5, 10);
  EXPECT_EQ(range.OnLogChanged({.low = Offset{8}, .high = Offset{100}}), 3);
  EXPECT_EQ(range.position(), Offset{8});
  EXPECT_EQ(range.OnLogChanged({.low = Offset{50}, .high = Offset{100}}), 2);
  EXPECT_TRUE(range.is_done());
}

TEST(RangeEndsTest, ALogThatWasCutFromAboveEndsTheRange) {
  RangeEnds range = Range(5, 10);
  EXPECT_EQ(range.OnRecord(Offset{6}), Decision::kDeliver);
  EXPECT_EQ(range.OnLogChanged({.low = Offset{0}, .high = Offset{2}}), 3);
  EXPECT_TRUE(range.is_done());
}

}  // namespace
}  // namespace usage_ingest::kafka::range
