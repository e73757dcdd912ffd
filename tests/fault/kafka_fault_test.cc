// Kafka fails, or its topics change under us.
#include <gtest/gtest.h>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class KafkaFaultTest : public FaultTest {
 protected:
  explicit KafkaFaultTest(const PipelineOptions& options = {.kafka = {.own = true}})
      : FaultTest(options, {.events = 10'000}) {}

  void WaitUntilIngested() {
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
    })) << daemon_->log();
  }
  void StartAndIngest(std::uint64_t events) {
    load_.Publish(*producer_, events);
    daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
    daemon_->StartAndWait();
    WaitUntilIngested();
  }
};

TEST_F(KafkaFaultTest, TheBrokerIsKilledAndComesBack) {
  StartInTheMiddle();
  kafka_.Kill();
  kafka_.Start();
  ExpectRecovers();
}

TEST_F(KafkaFaultTest, TheBrokerIsRestartedInOrderAndReadyzSaysSo) {
  StartInTheMiddle();
  kafka_.Stop();
  // After session.timeout.ms, six seconds, a member that hears nothing knows that it is none.
  EXPECT_TRUE(WaitUntil(After(20s), [&] { return daemon_->Get("/readyz").status == 503; }))
      << daemon_->log();
  EXPECT_EQ(daemon_->Get("/healthz").status, 200);
  kafka_.Start();
  ExpectRecovers();
}

// Retention passed us while we were away: the exact gap is counted, the rest is ingested.
TEST_F(KafkaFaultTest, RetentionDeletesRecordsWhileWeAreDown) {
  StartAndIngest(2'000);
  ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  load_.Publish(*producer_, 2'000);
  std::int64_t gap = 0;
  for (int partition = 0; partition < partitions_; ++partition) {
    const std::int64_t next = database_.Number(
        "SELECT next_offset FROM usage_ingest.kafka_offsets WHERE partition = $1::int",
        {std::to_string(partition)});
    const std::int64_t cut = (next + kafka_.admin().EndOffset(kTopic, partition)) / 2;
    kafka_.admin().DeleteRecordsBelow(kTopic, partition, cut);
    gap += cut - next;
  }
  ASSERT_GT(gap, 0);
  daemon_->StartAndWait();
  const ExpectedTotals all = load_.Expected(*producer_);
  ExpectTotalsMatch({.records = all.records, .gap_records = gap});
  EXPECT_EQ(daemon_->Metric("usage_ingest_offset_gap_records_total"), static_cast<double>(gap));
  EXPECT_NE(daemon_->log().find("are gone from Kafka before they were read"), std::string::npos);
}

// There is no topic id: the new log has the same name and begins at 0.
TEST_F(KafkaFaultTest, TheTopicIsRecreatedWhileWeAreDown) {
  StartAndIngest(2'000);
  ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  const std::int64_t rows = RowCount();
  kafka_.DeleteTopic(kTopic);
  kafka_.CreateTopic(kTopic, partitions_);
  // More than before, so that the old offsets exist in the new log.
  Producer producer(kafka_.brokers());
  load_.PublishAll(producer);
  daemon_->StartAndWait();
  const std::int64_t expected = load_.expectation().inserted();
  ASSERT_GT(expected, rows);
  EXPECT_TRUE(WaitForRows(expected)) << daemon_->log();
  EXPECT_TRUE(WaitUntil(After(60s), [&] {
    return Totals::CaughtUp(database_, {.records = producer.delivered()}, kafka_.admin());
  })) << daemon_->log();
  EXPECT_EQ(RowCount(), expected);
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
}

TEST_F(KafkaFaultTest, TheTopicIsDeletedAndRecreatedWhileWeRun) {
  StartAndIngest(2'000);
  kafka_.DeleteTopic(kTopic);
  kafka_.CreateTopic(kTopic, partitions_);
  // Fewer than before: our offsets are beyond the end of the new log.
  Producer producer(kafka_.brokers());
  load_.Publish(producer, 500);
  EXPECT_TRUE(WaitForRows(load_.expectation().inserted(), 120s)) << daemon_->log();
  load_.PublishAll(producer);
  EXPECT_TRUE(WaitForRows(load_.expectation().inserted(), 120s)) << daemon_->log();
  EXPECT_EQ(RowCount(), load_.expectation().inserted());
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
}

// A new partition starts at its beginning, whatever `start` says.
TEST_F(KafkaFaultTest, PartitionsAreAddedWhileWeRun) {
  load_.Publish(*producer_, 1'000);
  DaemonOptions options = SmallBatches();
  options.settings["kafka"]["start"] = "\"earliest\"";
  options.kafka_properties["topic.metadata.refresh.interval.ms"] = "1000";
  daemon_ = std::make_unique<DaemonProcess>(options);
  daemon_->StartAndWait();
  WaitUntilIngested();
  ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  daemon_->Configure("kafka", "start", "\"latest\"");
  daemon_->StartAndWait();
  kafka_.admin().SetPartitions(kTopic, partitions_ * 2);
  // Through a producer that knows all of them, before the daemon does.
  Producer wider(kafka_.brokers());
  load_.PublishAll(wider);
  RecordCounts all = producer_->delivered();
  for (const auto& [at, count] : wider.delivered()) all[at] += count;
  ASSERT_GT(all.size(), static_cast<std::size_t>(partitions_));
  ExpectedTotals expected = load_.Expected(*producer_);
  expected.records = all;
  ExpectTotalsMatch(expected);
}

class ThreeBrokersTest : public KafkaFaultTest {
 protected:
  ThreeBrokersTest() : KafkaFaultTest({.kafka = {.nodes = 3}}) {}
};

TEST_F(ThreeBrokersTest, LeadershipMovesWhenABrokerDies) {
  StartInTheMiddle();
  kafka_.KillLeader(kTopic, 0);
  load_.PublishAll(*producer_);
  ExpectTotalsMatch(load_.Expected(*producer_));
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
}

}  // namespace
}  // namespace usage_ingest::support
