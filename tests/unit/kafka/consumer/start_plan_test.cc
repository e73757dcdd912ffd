#include "ingest/kafka/consumer/start_plan.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::consumer {
namespace {

constexpr RecordFingerprint kLast{.timestamp_ms = 1000, .value_hash = 42};

StoredOffset Stored(std::int64_t next, std::optional<RecordFingerprint> last = kLast) {
  return {.next_offset = Offset{next}, .last_record = last};
}
client::Watermarks Log(std::int64_t low, std::int64_t high) { return {Offset{low}, Offset{high}}; }

TEST(StartPlanTest, BeginsOneRecordEarlyToCompareIt) {
  const StartPlan plan = PlanStart(Stored(100), Log(0, 500), false);
  EXPECT_EQ(plan.reason, StartReason::kContinue);
  EXPECT_EQ(plan.assign_at, Offset{99});
  EXPECT_EQ(plan.deliver_from, Offset{100});
  EXPECT_EQ(plan.expect_before, kLast);
  EXPECT_EQ(plan.gap_records, 0);
}

TEST(StartPlanTest, ComparesAlsoWhenTheLogHasNothingNew) {
  const StartPlan plan = PlanStart(Stored(100), Log(0, 100), false);
  EXPECT_EQ(plan.reason, StartReason::kContinue);
  EXPECT_EQ(plan.assign_at, Offset{99});
}

TEST(StartPlanTest, BeginsRightThereWhenNothingIsRemembered) {
  const StartPlan plan = PlanStart(Stored(100, std::nullopt), Log(0, 500), false);
  EXPECT_EQ(plan.assign_at, Offset{100});
  EXPECT_FALSE(plan.expect_before.has_value());
}

TEST(StartPlanTest, BeginsRightThereWhenTheRecordBeforeIsGone) {
  const StartPlan plan = PlanStart(Stored(100), Log(100, 500), false);
  EXPECT_EQ(plan.reason, StartReason::kContinue);
  EXPECT_EQ(plan.assign_at, Offset{100});
  EXPECT_FALSE(plan.expect_before.has_value());
  EXPECT_EQ(plan.gap_records, 0);
}

TEST(StartPlanTest, BeginsAtZeroOfAnEmptyLog) {
  const StartPlan plan = PlanStart(Stored(0, std::nullopt), Log(0, 0), false);
  EXPECT_EQ(plan.reason, StartReason::kContinue);
  EXPECT_EQ(plan.assign_at, Offset{0});
}

TEST(StartPlanTest, CountsExactlyWhatRetentionTook) {
  const StartPlan plan = PlanStart(Stored(100), Log(101, 500), false);
  EXPECT_EQ(plan.reason, StartReason::kRetention);
  EXPECT_EQ(plan.assign_at, Offset{101});
  EXPECT_EQ(plan.deliver_from, Offset{101});
  EXPECT_EQ(plan.gap_records, 1);
  EXPECT_FALSE(plan.expect_before.has_value());
}

TEST(StartPlanTest, ReadsALogThatEndsBelowFromItsBeginning) {
  const StartPlan plan = PlanStart(Stored(100), Log(3, 99), false);
  EXPECT_EQ(plan.reason, StartReason::kNewLog);
  EXPECT_EQ(plan.assign_at, Offset{3});
  EXPECT_EQ(plan.gap_records, 3) << "of the new log these were never read";
}

TEST(StartPlanTest, ReadsALogThatIsKnownToBeNewFromItsBeginning) {
  const StartPlan plan = PlanStart(Stored(100), Log(0, 500), true);
  EXPECT_EQ(plan.reason, StartReason::kNewLog);
  EXPECT_EQ(plan.assign_at, Offset{0});
  EXPECT_EQ(plan.gap_records, 0);
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
