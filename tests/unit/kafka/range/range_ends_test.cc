#include "ingest/kafka/range/range_ends.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::range {
namespace {

using Decision = RangeEnds::Decision;
constexpr std::chrono::steady_clock::time_point kNow{std::chrono::seconds(5)};
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
  range.OnEndReached(Offset{10}, kNow);
  EXPECT_TRUE(range.is_done());
}

TEST(RangeEndsTest, ALogThatIsNotThereYetIsWaitedFor) {
  RangeEnds range = Range(5, 10);
  range.OnEndReached(Offset{8}, kNow);
  EXPECT_FALSE(range.is_done());
  EXPECT_EQ(range.OnRecord(Offset{9}), Decision::kDeliver);
  EXPECT_TRUE(range.is_done());
}

TEST(RangeEndsTest, DropsWhatComesAgain) {
  RangeEnds range = Range(5, 10);
  EXPECT_EQ(range.OnRecord(Offset{5}), Decision::kDeliver);
  EXPECT_EQ(range.OnRecord(Offset{5}), Decision::kDrop);
}

std::string Text(const std::optional<MissingRange>& missing) {
  if (!missing) return "nothing";
  return std::to_string(missing->begin.value) + " to " + std::to_string(missing->end.value) + " " +
         std::string(TextOf(missing->reason).name);
}

TEST(RangeEndsTest, WhatCannotBeReadEndsWithTheNextRecord) {
  RangeEnds range = Range(5, 20);
  EXPECT_EQ(range.OnRecord(Offset{5}), Decision::kDeliver);
  EXPECT_EQ(Text(range.OnUnreadable(Offset{6})), "nothing");
  EXPECT_EQ(Text(range.OnUnreadable(Offset{8})), "nothing") << "the next batch, too";
  EXPECT_EQ(Text(range.EndUnreadable(Offset{9})), "6 to 9 corrupt_batch");
  EXPECT_EQ(range.OnRecord(Offset{9}), Decision::kDeliver);
  EXPECT_EQ(Text(range.EndUnreadable(Offset{10})), "nothing");
}

TEST(RangeEndsTest, WhatCannotBeReadMayBeTheEnd) {
  RangeEnds range = Range(5, 10);
  EXPECT_EQ(Text(range.OnUnreadable(Offset{3})), "nothing");  // the batch of 3 to 6
  EXPECT_EQ(Text(range.EndUnreadable(Offset{7})), "5 to 7 corrupt_batch");
  EXPECT_EQ(Text(range.OnUnreadable(Offset{7})), "nothing");
  EXPECT_EQ(Text(range.EndUnreadable(Offset{12})), "7 to 10 corrupt_batch") << "as far as asked";
  EXPECT_TRUE(range.is_done());
}

TEST(RangeEndsTest, TheSameAgainSaysThatNothingIsBehindIt) {
  RangeEnds range = Range(5, 10);
  EXPECT_EQ(Text(range.OnUnreadable(Offset{8})), "nothing");
  EXPECT_EQ(Text(range.OnUnreadable(Offset{8})), "8 to 10 corrupt_batch");
  EXPECT_TRUE(range.is_done());
  EXPECT_EQ(Text(range.OnUnreadable(Offset{8})), "nothing");
}

TEST(RangeEndsTest, CountsWhatRetentionDeletedDuringTheRun) {
  RangeEnds range = Range(5, 10);
  EXPECT_EQ(Text(range.OnLogChanged({.low = Offset{8}, .high = Offset{100}})), "5 to 8 deleted");
  EXPECT_EQ(range.position(), Offset{8});
  EXPECT_EQ(Text(range.OnLogChanged({.low = Offset{50}, .high = Offset{100}})), "8 to 10 deleted");
  EXPECT_TRUE(range.is_done());
}

TEST(RangeEndsTest, ALogThatWasCutFromAboveEndsTheRange) {
  RangeEnds range = Range(5, 10);
  EXPECT_EQ(range.OnRecord(Offset{6}), Decision::kDeliver);
  EXPECT_EQ(Text(range.OnLogChanged({.low = Offset{0}, .high = Offset{2}})), "7 to 10 truncated");
  EXPECT_TRUE(range.is_done());
}

// An unclean election took the last records of the range, and no new ones come.
TEST(RangeEndsTest, ALogThatEndsBeforeTheRangeAndDoesNotGrowEndsIt) {
  RangeEnds range = Range(5, 10);
  EXPECT_FALSE(range.waits_since().has_value());
  range.OnEndReached(Offset{8}, kNow);
  EXPECT_EQ(range.waits_since(), kNow);
  EXPECT_EQ(Text(range.OnLogEndsEarly(Offset{9})), "nothing") << "8 has still to come";
  EXPECT_EQ(Text(range.OnLogEndsEarly(Offset{10})), "nothing");
  EXPECT_EQ(Text(range.OnLogEndsEarly(Offset{8})), "8 to 10 truncated");
  EXPECT_TRUE(range.is_done());
}

}  // namespace
}  // namespace usage_ingest::kafka::range
