// What takes records or rows from the real daemon, and the alert that its own scrape fires at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pipeline/alert_history.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::Not;

class LossAlertsTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    Install(load_);
    Publish();
    daemon_ = std::make_unique<DaemonProcess>(DaemonDefaults());
    daemon_->StartAndWait();
    ASSERT_TRUE(WaitForRows(400)) << daemon_->log();
    ASSERT_TRUE(
        WaitUntil(After(60s), [&] { return daemon_->Metric("usage_ingest_lag_records") == 0; }));
  }
  void Publish() {
    Producer producer(kafka_.brokers());
    load_.Publish(producer, 500);
  }
  [[nodiscard]] bool Rises(const std::string& metric) const {
    return WaitUntil(After(60s), [&] { return daemon_->Metric(metric) > 0; });
  }
  // In the first scrape of the state, and after five minutes of it.
  void ExpectAlert(const std::string& alert, bool fires) const {
    AlertHistory history;
    history.Add(daemon_->Get("/metrics").body, 6min);
    for (const auto minute : {0min, 5min}) {
      if (fires) {
        EXPECT_THAT(history.FiringAt(minute), Contains(alert));
      } else {
        EXPECT_THAT(history.FiringAt(minute), Not(Contains(alert)));
      }
    }
  }

  GeneratedLoad load_{{.events = 3'000, .duplicate_share = 0, .odd_share = 0}, kTopic};
  std::unique_ptr<DaemonProcess> daemon_;
};

TEST_F(LossAlertsTest, KafkaDeletesRecordsBeforeTheyAreRead) {
  constexpr char kAlert[] = "UsageIngestRecordsLost";
  ExpectAlert(kAlert, false);
  ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  Publish();
  for (int partition = 0; partition < partitions_; ++partition) {
    const std::int64_t end = kafka_.admin().EndOffset(kTopic, partition);
    kafka_.admin().DeleteRecordsBelow(kTopic, partition, end - 1);
  }
  daemon_->StartAndWait();
  ASSERT_TRUE(Rises("usage_ingest_offset_gap_records_total")) << daemon_->log();
  ExpectAlert(kAlert, true);
}

TEST_F(LossAlertsTest, TheTopicIsReplaced) {
  constexpr char kAlert[] = "UsageIngestLogReplaced";
  ExpectAlert(kAlert, false);
  ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  kafka_.DeleteTopic(kTopic);
  kafka_.CreateTopic(kTopic, partitions_);
  Publish();
  daemon_->StartAndWait();
  ASSERT_TRUE(Rises("usage_ingest_log_changes_total")) << daemon_->log();
  ExpectAlert(kAlert, true);
}

TEST_F(LossAlertsTest, RowsDisappear) {
  constexpr char kAlert[] = "UsageIngestRowsMissing";
  ExpectAlert(kAlert, false);
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return database_.Number("SELECT count(*) FROM usage_ingest.row_samples") > 0;
  })) << daemon_->log();
  ConnectAsOwner().Execute("TRUNCATE usage_logs");
  ASSERT_TRUE(Rises("usage_ingest_sampled_rows_missing")) << daemon_->log();
  ExpectAlert(kAlert, true);
}

}  // namespace
}  // namespace usage_ingest::support
