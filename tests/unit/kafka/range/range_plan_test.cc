#include "ingest/kafka/range/range_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace usage_ingest::kafka::range {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TopicPartition kSource{"t", PartitionId{3}};
constexpr LogBounds kLog{Offset{30}, Offset{90}, Offset{100}};
constexpr LogBounds kWithoutTransactions{Offset{30}, Offset{100}, Offset{100}};

std::vector<std::string> Missing(const RangePlan& plan) {
  std::vector<std::string> lines;
  for (const MissingRange& missing : plan.missing) {
    lines.push_back(
        std::to_string(missing.begin.value) + " to " + std::to_string(missing.end.value) + " " +
        std::string(TextOf(missing.reason).name) + (missing.is_certain ? "" : " perhaps"));
  }
  return lines;
}

void ExpectRange(const RangePlan& plan, std::int64_t begin, std::int64_t end) {
  EXPECT_EQ(plan.begin, Offset{begin});
  EXPECT_EQ(plan.end, Offset{end});
}

TEST(RangePlanTest, NothingIsMissingOfARangeInTheLog) {
  const RangePlan plan = PlanRange(kSource, {Offset{40}, Offset{60}}, kLog);
  ExpectRange(plan, 40, 60);
  EXPECT_THAT(plan.missing, IsEmpty());
}

TEST(RangePlanTest, NamesWhatIsDeletedHiddenAndBehindTheEnd) {
  const RangePlan plan = PlanRange(kSource, {Offset{10}, Offset{120}}, kLog);
  ExpectRange(plan, 30, 90);
  EXPECT_THAT(Missing(plan), ElementsAre("10 to 30 deleted", "90 to 100 open_transaction",
                                         "100 to 120 behind_end"));
  EXPECT_EQ(plan.missing.at(0).source, kSource);
  EXPECT_EQ(CountGone(plan.missing), 20) << "the others may still come";
}

TEST(RangePlanTest, ARangeThatIsMissingAltogetherIsEmpty) {
  const RangePlan deleted = PlanRange(kSource, {Offset{10}, Offset{20}}, kLog);
  EXPECT_EQ(deleted.begin, deleted.end);
  EXPECT_THAT(Missing(deleted), ElementsAre("10 to 20 deleted"));
  const RangePlan hidden = PlanRange(kSource, {Offset{92}, Offset{95}}, kLog);
  EXPECT_EQ(hidden.begin, hidden.end);
  EXPECT_THAT(Missing(hidden), ElementsAre("92 to 95 open_transaction"));
  const RangePlan behind = PlanRange(kSource, {Offset{200}, Offset{300}}, kLog);
  EXPECT_EQ(behind.begin, behind.end);
  EXPECT_THAT(Missing(behind), ElementsAre("200 to 300 behind_end"));
}

TEST(RangePlanTest, ByTimeItEndsWithTheLogAndWhatIsMissingIsUncertain) {
  const RangePlan plan =
      PlanRange(kSource, {.begin = Offset{30}, .end = std::nullopt, .is_by_time = true}, kLog);
  ExpectRange(plan, 30, 90);
  EXPECT_THAT(Missing(plan),
              ElementsAre("0 to 30 deleted perhaps", "90 to 100 open_transaction perhaps"));
  EXPECT_EQ(CountGone(plan.missing), 0);
}

// An older record is still there, so of this time nothing was deleted by its age.
TEST(RangePlanTest, ByTimeNothingIsMissingBeforeARecordThatIsTooOld) {
  const RangePlan plan =
      PlanRange(kSource, {.begin = Offset{31}, .end = std::nullopt, .is_by_time = true},
                kWithoutTransactions);
  ExpectRange(plan, 31, 100);
  EXPECT_THAT(plan.missing, IsEmpty());
}

TEST(RangePlanTest, AnEmptyLogHasNothing) {
  const RangePlan plan = PlanRange(kSource, {Offset{0}, std::nullopt}, {});
  ExpectRange(plan, 0, 0);
  EXPECT_THAT(plan.missing, IsEmpty());
}

}  // namespace
}  // namespace usage_ingest::kafka::range
