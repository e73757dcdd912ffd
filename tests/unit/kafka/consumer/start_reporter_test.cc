#include "ingest/kafka/consumer/start_reporter.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::consumer {
namespace {

const TopicPartition kFirst{"t", PartitionId{0}};
const TopicPartition kSecond{"t", PartitionId{1}};

class GapCounter final : public pipeline::TelemetrySink {
 public:
  void On(const pipeline::TelemetryEvent& event) override {
    if (std::holds_alternative<pipeline::LogChanged>(event)) ++changes;
    const auto* gap = std::get_if<pipeline::OffsetGap>(&event);
    if (gap != nullptr) (gap->source == &kFirst ? first : second) += gap->records;
  }
  std::int64_t first = 0;
  std::int64_t second = 0;
  int changes = 0;
};

class StartReporterTest : public ::testing::Test {
 protected:
  void ReportGap(const TopicPartition* source, std::int64_t next_offset, std::int64_t records) {
    StartPlan plan;
    plan.reason = StartReason::kRetention;
    plan.gap_records = records;
    reporter_.Report(
        source, {.stored = {.next_offset = Offset{next_offset}, .last_record = {}}, .plan = plan});
  }

  GapCounter gaps_;
  StartReporter reporter_{gaps_};
};

TEST_F(StartReporterTest, NoGapIsNotCounted) {
  reporter_.Report(&kFirst, {.stored = {.next_offset = Offset{10}, .last_record = {}}, .plan = {}});
  EXPECT_EQ(gaps_.first, 0);
}

TEST_F(StartReporterTest, ARestartBeforeTheRowIsWrittenDoesNotCountTheGapAgain) {
  ReportGap(&kFirst, 10, 5);
  ReportGap(&kFirst, 10, 5);
  EXPECT_EQ(gaps_.first, 5);
}

TEST_F(StartReporterTest, AGapThatGrowsIsCountedByItsGrowth) {
  ReportGap(&kFirst, 10, 5);
  ReportGap(&kFirst, 10, 8);
  EXPECT_EQ(gaps_.first, 8);
}

TEST_F(StartReporterTest, AGapElsewhereIsAnotherOne) {
  ReportGap(&kFirst, 10, 5);
  ReportGap(&kFirst, 20, 5);
  ReportGap(&kSecond, 10, 5);
  EXPECT_EQ(gaps_.first, 10);
  EXPECT_EQ(gaps_.second, 5);
}

TEST_F(StartReporterTest, AChangedLogIsCountedOnceAlsoIfReadingRestarts) {
  StartPlan plan;
  for (const auto reason : {StartReason::kTruncated, StartReason::kNewLog}) {
    plan.reason = reason;
    const StoredOffset stored{.next_offset = Offset{reason == StartReason::kNewLog ? 10 : 20},
                              .last_record = {}};
    reporter_.Report(&kFirst, {.stored = stored, .plan = plan});
    reporter_.Report(&kFirst, {.stored = stored, .plan = plan});
  }
  EXPECT_EQ(gaps_.changes, 2);
}

TEST_F(StartReporterTest, AnotherTopicAtTheSameOffsetIsAnotherChange) {
  StartPlan plan;
  plan.reason = StartReason::kNewLog;
  const StoredOffset stored{.next_offset = Offset{10}, .last_record = {}};
  for (const std::string id : {"b", "b", "c", "c"}) {
    reporter_.Report(&kFirst, {.stored = stored, .plan = plan, .topic_id = id});
  }
  EXPECT_EQ(gaps_.changes, 2);
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
