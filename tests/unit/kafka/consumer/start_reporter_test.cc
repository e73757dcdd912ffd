#include "ingest/kafka/consumer/start_reporter.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::consumer {
namespace {

const TopicPartition kFirst{"t", PartitionId{0}};
const TopicPartition kSecond{"t", PartitionId{1}};

class GapCounter final : public pipeline::TelemetrySink {
 public:
  void On(const pipeline::TelemetryEvent& event) override {
    const auto* gap = std::get_if<pipeline::OffsetGap>(&event);
    if (gap != nullptr) (gap->source == &kFirst ? first : second) += gap->records;
  }
  std::int64_t first = 0;
  std::int64_t second = 0;
};

class StartReporterTest : public ::testing::Test {
 protected:
  void ReportGap(const TopicPartition* source, std::int64_t next_offset, std::int64_t records) {
    StartPlan plan;
    plan.reason = StartReason::kRetention;
    plan.gap_records = records;
    reporter_.Report(source, {.next_offset = Offset{next_offset}, .last_record = {}}, plan);
  }

  GapCounter gaps_;
  StartReporter reporter_{gaps_};
};

TEST_F(StartReporterTest, NoGapIsNotCounted) {
  reporter_.Report(&kFirst, {.next_offset = Offset{10}, .last_record = {}}, StartPlan{});
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

}  // namespace
}  // namespace usage_ingest::kafka::consumer
