// Lag counts records, and nothing else that has an offset.
#include "tests/integration/kafka/consumer_fixture.h"
#include "tests/integration/kafka/transactional_producer.h"
#include "tests/support/kafka/kafka_broker.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;
using pipeline::StuckReason;

class LagTest : public ConsumerFixture {
 protected:
  static void SetUpTestSuite() {
    broker_ = std::make_unique<support::KafkaBroker>(support::KafkaOptions{.own = true});
  }
  static void TearDownTestSuite() { broker_.reset(); }

  [[nodiscard]] std::string brokers() const override { return broker_->brokers(); }
  [[nodiscard]] HarnessOptions OwnOptions() const {
    HarnessOptions options = Options({topic_});
    options.kafka.group_id = topic_;
    return options;
  }
  [[nodiscard]] TopicPartition Source() const { return {topic_, PartitionId{0}}; }
  [[nodiscard]] std::optional<std::int64_t> Lag(const ConsumerHarness& harness) const {
    const auto lags = harness.telemetry.lags();
    const auto found = lags.find(Source());
    if (found == lags.end() || !found->second.high_watermark) return std::nullopt;
    return found->second.high_watermark->value - found->second.committed.value;
  }

  const std::string topic_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  static std::unique_ptr<support::KafkaBroker> broker_;
};
std::unique_ptr<support::KafkaBroker> LagTest::broker_;

// The story: a quiet topic had a lag of 1, the marker, or of 12, an aborted tail, without end.
TEST_F(LagTest, MarkersAndAbortedRecordsAreNoLag) {
  broker_->CreateTopic(topic_, 1);
  TransactionalProducer producer(brokers());
  producer.CommitOne(topic_, "committed");
  for (int i = 0; i < 5; ++i) producer.AbortOne(topic_, "aborted");
  produced_ = 1;
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  EXPECT_TRUE(Eventually([&] { return Lag(harness) == 0; })) << Lag(harness).value_or(-1);
  const std::int64_t end = broker_->admin().EndOffset(topic_, 0);
  EXPECT_EQ(end, 12);
  EXPECT_EQ(database_.At(Source()).next_offset, Offset{end});
  EXPECT_TRUE(Eventually([&] { return broker_->admin().Committed(topic_, topic_, 0) == end; }))
      << "tools that read Kafka's offset see no lag either";
}

// The story: retention removed an aborted tail, and it was said that 14 records cannot be billed.
TEST_F(LagTest, RetentionOfMarkersAndAbortedRecordsIsNoGap) {
  broker_->CreateTopic(topic_, 1);
  TransactionalProducer producer(brokers());
  producer.CommitOne(topic_, "committed");
  for (int i = 0; i < 5; ++i) producer.AbortOne(topic_, "aborted");
  produced_ = 1;
  {
    ConsumerHarness harness(OwnOptions(), database_);
    harness.Start();
    ExpectEverythingOnce(harness);
    EXPECT_TRUE(Eventually([&] { return Lag(harness) == 0; }));
    EXPECT_TRUE(harness.Stop().has_value());
  }
  broker_->admin().DeleteRecordsBelow(topic_, 0, broker_->admin().EndOffset(topic_, 0));
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  Produce(topic_, 1, 10);
  ExpectEverythingOnce(harness);
  EXPECT_EQ(harness.telemetry.gap_records, 0);
  EXPECT_EQ(database_.gap_records(), 0);
}

// A topic that is recreated behind a hole is still seen: the last record before it is remembered.
TEST_F(LagTest, ATopicThatIsRecreatedIsSeenBehindAMarkerToo) {
  broker_->CreateTopic(topic_, 1);
  TransactionalProducer producer(brokers());
  producer.CommitOne(topic_, "committed");
  produced_ = 1;
  {
    ConsumerHarness harness(OwnOptions(), database_);
    harness.Start();
    ExpectEverythingOnce(harness);
    EXPECT_TRUE(Eventually([&] { return database_.At(Source()).next_offset == Offset{2}; }));
    EXPECT_TRUE(harness.Stop().has_value());
  }
  EXPECT_TRUE(database_.At(Source()).last_record.has_value());
  broker_->DeleteTopic(topic_);
  broker_->CreateTopic(topic_, 1);
  Produce(topic_, 1, 10);
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
}

// Records behind a transaction that hangs are lag, and the reason is said.
TEST_F(LagTest, RecordsBehindAnOpenTransactionAreLag) {
  broker_->CreateTopic(topic_, 1);
  TransactionalProducer producer(brokers());
  producer.LeaveOpen(topic_, "open");
  Produce(topic_, 1, 10);
  produced_ = 0;
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  EXPECT_TRUE(Eventually([&] { return Lag(harness) == 11; })) << Lag(harness).value_or(-1);
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.stuck().contains(Source()); }));
  EXPECT_EQ(harness.telemetry.stuck().at(Source()).reason, StuckReason::kOpenTransaction);
  producer.Abort();
  produced_ = 10;
  ExpectEverythingOnce(harness);
  EXPECT_TRUE(Eventually([&] { return harness.telemetry.stuck().empty(); }));
  EXPECT_TRUE(Eventually([&] { return Lag(harness) == 0; }));
}

// No broker answers: the lag is unknown, and not what it was.
TEST_F(LagTest, IsUnknownWhenTheBrokerStopsAnswering) {
  broker_->CreateTopic(topic_, 1);
  Produce(topic_, 1, 10);
  HarnessOptions options = OwnOptions();
  options.kafka.properties["session.timeout.ms"] = "60000";  // stays assigned
  ConsumerHarness harness(options, database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  EXPECT_TRUE(Eventually([&] { return Lag(harness) == 0; }));
  broker_->Signal(1, SIGSTOP);
  EXPECT_TRUE(Eventually([&] { return !Lag(harness).has_value(); }));
  EXPECT_EQ(harness.telemetry.assigned, 1);
  broker_->Signal(1, SIGCONT);
  EXPECT_TRUE(Eventually([&] { return Lag(harness) == 0; }));
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
