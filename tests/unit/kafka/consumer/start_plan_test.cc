#include "ingest/kafka/consumer/start_plan.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::consumer {
namespace {

constexpr RecordFingerprint kLast{.timestamp_ms = 1000, .value_hash = 42};

StoredOffset Stored(std::int64_t next, std::optional<RecordFingerprint> last = kLast) {
  return {.next_offset = Offset{next}, .last_record = last};
}
LogNow Log(std::int64_t low, std::int64_t high, const TopicId& topic_id = {}) {
  return {.ends = {Offset{low}, Offset{high}}, .topic_id = topic_id};
}
LogNow Changed(LogNow log, std::int64_t from) {
  log.differs_from = Offset{from};
  return log;
}
StoredOffset Of(const TopicId& topic_id, StoredOffset stored) {
  stored.topic_id = topic_id;
  return stored;
}

TEST(StartPlanTest, BeginsOneRecordEarlyToCompareIt) {
  const StartPlan plan = PlanStart(Stored(100), Log(0, 500));
  EXPECT_EQ(plan.reason, StartReason::kContinue);
  EXPECT_EQ(plan.assign_at, Offset{99});
  EXPECT_EQ(plan.deliver_from, Offset{100});
  EXPECT_EQ(plan.expect_before, kLast);
  EXPECT_EQ(plan.gap_records, 0);
}

TEST(StartPlanTest, ComparesAlsoWhenTheLogHasNothingNew) {
  const StartPlan plan = PlanStart(Stored(100), Log(0, 100));
  EXPECT_EQ(plan.reason, StartReason::kContinue);
  EXPECT_EQ(plan.assign_at, Offset{99});
}

TEST(StartPlanTest, BeginsRightThereWhenNothingIsRemembered) {
  const StartPlan plan = PlanStart(Stored(100, std::nullopt), Log(0, 500));
  EXPECT_EQ(plan.assign_at, Offset{100});
  EXPECT_FALSE(plan.expect_before.has_value());
}

TEST(StartPlanTest, BeginsRightThereWhenTheRecordBeforeIsGone) {
  const StartPlan plan = PlanStart(Stored(100), Log(100, 500));
  EXPECT_EQ(plan.reason, StartReason::kContinue);
  EXPECT_EQ(plan.assign_at, Offset{100});
  EXPECT_FALSE(plan.expect_before.has_value());
  EXPECT_EQ(plan.gap_records, 0);
}

TEST(StartPlanTest, BeginsAtZeroOfAnEmptyLog) {
  const StartPlan plan = PlanStart(Stored(0, std::nullopt), Log(0, 0));
  EXPECT_EQ(plan.reason, StartReason::kContinue);
  EXPECT_EQ(plan.assign_at, Offset{0});
}

// The log may be truncated a second time before a record of it is stored.
TEST(StartPlanTest, ATruncatedLogIsComparedAtTheRecordBefore) {
  LogNow log = Changed(Log(0, 500, "id"), 40);
  log.last_same = kLast;
  const StartPlan plan = PlanStart(Of("id", Stored(100)), log);
  EXPECT_EQ(plan.reason, StartReason::kTruncated);
  EXPECT_EQ(plan.deliver_from, Offset{40});
  EXPECT_EQ(plan.assign_at, Offset{39});
  EXPECT_EQ(plan.expect_before, kLast);
}

TEST(StartPlanTest, CountsExactlyWhatRetentionTook) {
  const StartPlan plan = PlanStart(Stored(100), Log(101, 500));
  EXPECT_EQ(plan.reason, StartReason::kRetention);
  EXPECT_EQ(plan.assign_at, Offset{101});
  EXPECT_EQ(plan.deliver_from, Offset{101});
  EXPECT_EQ(plan.gap_records, 1);
  EXPECT_FALSE(plan.expect_before.has_value());
}

TEST(StartPlanTest, ReadsALogThatEndsBelowFromItsBeginning) {
  const StartPlan plan = PlanStart(Stored(100), Log(3, 99));
  EXPECT_EQ(plan.reason, StartReason::kNewLog);
  EXPECT_EQ(plan.assign_at, Offset{3});
  EXPECT_EQ(plan.gap_records, 3) << "of the new log these were never read";
}

TEST(StartPlanTest, ReadsALogThatIsKnownToBeNewFromItsBeginning) {
  const StartPlan plan = PlanStart(Stored(100), Changed(Log(0, 500), 0));
  EXPECT_EQ(plan.reason, StartReason::kNewLog);
  EXPECT_EQ(plan.assign_at, Offset{0});
  EXPECT_EQ(plan.gap_records, 0);
}

TEST(StartPlanTest, ReadsAnotherTopicOfTheSameNameFromItsBeginning) {
  for (const std::int64_t high : {40, 100, 500}) {
    const StartPlan plan = PlanStart(Of("old", Stored(100)), Log(7, high, "new"));
    EXPECT_EQ(plan.reason, StartReason::kNewLog);
    EXPECT_EQ(plan.assign_at, Offset{7});
    EXPECT_EQ(plan.deliver_from, Offset{7});
    EXPECT_EQ(plan.gap_records, 7);
  }
}

TEST(StartPlanTest, AnUnknownTopicIdIsNoOtherTopic) {
  EXPECT_EQ(PlanStart(Of("old", Stored(100)), Log(0, 500)).reason, StartReason::kContinue);
  EXPECT_EQ(PlanStart(Stored(100), Log(0, 500, "new")).reason, StartReason::kContinue);
}

TEST(StartPlanTest, ReadsATruncatedLogFromWhereItDiffers) {
  const StartPlan plan = PlanStart(Of("t", Stored(100)), Changed(Log(3, 500, "t"), 60));
  EXPECT_EQ(plan.reason, StartReason::kTruncated);
  EXPECT_EQ(plan.assign_at, Offset{60});
  EXPECT_EQ(plan.deliver_from, Offset{60});
  EXPECT_EQ(plan.gap_records, 0);
  EXPECT_FALSE(plan.expect_before.has_value());
}

TEST(StartPlanTest, ReadsATruncatedLogFromItsBeginningIfThatIsAbove) {
  const StartPlan plan = PlanStart(Of("t", Stored(100)), Changed(Log(80, 500, "t"), 60));
  EXPECT_EQ(plan.reason, StartReason::kTruncated);
  EXPECT_EQ(plan.deliver_from, Offset{80});
}

TEST(StartPlanTest, ALogOfTheSameTopicThatEndsBelowIsTruncated) {
  const StartPlan plan = PlanStart(Of("t", Stored(100)), Log(3, 99, "t"));
  EXPECT_EQ(plan.reason, StartReason::kTruncated);
  EXPECT_EQ(plan.deliver_from, Offset{3});
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
