// The log under the topic's name becomes another one: what it holds is ingested, exactly once, and
// what is counted as a dead letter is there.
#include <gtest/gtest.h>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class KafkaLogTest : public FaultTest {
 protected:
  explicit KafkaLogTest(const PipelineOptions& options = {.kafka = {.own = true}, .partitions = 1})
      : FaultTest(options, {.events = 6'000}) {}

  void StartAndIngest(std::uint64_t events) {
    load_.Publish(*producer_, events);
    daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
    daemon_->StartAndWait();
    ASSERT_NO_FATAL_FAILURE(WaitUntilIngested());
  }
  // Everything that was ever published, whatever became of the logs that it was published to.
  void WaitUntilIngested() {
    ASSERT_TRUE(WaitUntil(After(90s), [&] { return HasAll(); })) << Counts() << daemon_->log();
  }
  void ExpectAllExactlyOnce() {
    ASSERT_NO_FATAL_FAILURE(WaitUntilIngested());
    EXPECT_EQ(RowCount(), load_.expectation().inserted());
    EXPECT_EQ(LettersOfEvents(), load_.expectation().dead_lettered());
    if (!letters_may_be_stored_twice_) {
      EXPECT_EQ(Letters(), load_.expectation().dead_lettered());
    }
    EXPECT_EQ(Letters(),
              database_.Number("SELECT sum(dead_lettered) FROM usage_ingest.kafka_offsets"));
    Totals::ExpectSummariesExact(database_);
    totals_->ExpectCountersExact(database_);
  }
  // As another topic of the same name, with `events` at once.
  void Recreate(std::uint64_t events) {
    kafka_.DeleteTopic(kTopic);
    kafka_.CreateTopic(kTopic, partitions_);
    Producer producer(kafka_.brokers());
    load_.Publish(producer, events);
  }
  [[nodiscard]] double LogChanges(const std::string& change) {
    return daemon_->Metric("usage_ingest_log_changes_total{change=\"" + change + "\"}");
  }
  [[nodiscard]] std::int64_t Letters() {
    return database_.Number("SELECT count(*) FROM usage_ingest.dead_letters");
  }
  // A record of the new log that was stored under both ids is one.
  [[nodiscard]] std::int64_t LettersOfEvents() {
    return database_.Number(
        "SELECT count(DISTINCT (record_offset, event_index, payload)) FROM "
        "usage_ingest.dead_letters");
  }
  [[nodiscard]] bool HasAll() {
    return RowCount() >= load_.expectation().inserted() &&
           LettersOfEvents() >= load_.expectation().dead_lettered();
  }
  [[nodiscard]] std::string Counts() {
    return std::to_string(RowCount()) + " of " + std::to_string(load_.expectation().inserted()) +
           " rows, " + std::to_string(Letters()) + " of " +
           std::to_string(load_.expectation().dead_lettered()) + " letters\n";
  }

  // Until a recreated topic is noticed, its records are stored under the id of the old one.
  bool letters_may_be_stored_twice_ = false;
};

TEST_F(KafkaLogTest, RecreatedAndRefilledBeyondOurOffsetWhileWeRun) {
  letters_may_be_stored_twice_ = true;
  StartAndIngest(1'000);
  Recreate(2'000);
  ExpectAllExactlyOnce();
  EXPECT_EQ(LogChanges("recreated"), 1);
  EXPECT_EQ(daemon_->Metric("usage_ingest_offset_gap_records_total"), 0);
  Recreate(2'500);
  ExpectAllExactlyOnce();
  EXPECT_EQ(LogChanges("recreated"), 2);
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
}

// librdkafka remembers the leader epochs of the old topic, and those of the new one begin at 0.
TEST_F(KafkaLogTest, RecreatedAfterItsLeaderHasChangedOften) {
  letters_may_be_stored_twice_ = true;
  StartAndIngest(500);
  for (int i = 0; i < 2; ++i) {
    kafka_.Stop();
    kafka_.Start();
  }
  load_.Publish(*producer_, 500);
  ASSERT_NO_FATAL_FAILURE(WaitUntilIngested());
  Recreate(1'500);
  ExpectAllExactlyOnce();
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
}

TEST_F(KafkaLogTest, RecreatedWhileWeAreDownWithFewerOrMoreRecords) {
  StartAndIngest(1'000);
  for (const std::uint64_t events : {400U, 400U, 2'000U}) {  // fewer, as many, more
    ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
    Recreate(events);
    daemon_->StartAndWait();
    ExpectAllExactlyOnce();
    EXPECT_EQ(LogChanges("recreated"), 1);
  }
}

// The record before our offset is the same one: only the topic's id tells the logs apart.
TEST_F(KafkaLogTest, RecreatedWithTheSameLastRecord) {
  const auto publish = [&](const std::string& first) {
    for (const std::string& value : {first, std::string("the same"), std::string("the last")}) {
      producer_->Produce({.topic = kTopic, .partition = 0, .value = value, .timestamp_ms = 1000});
    }
    producer_->Flush();
  };
  publish("of the old topic");
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->StartAndWait();
  ASSERT_TRUE(WaitUntil(After(60s), [&] { return Letters() == 3; })) << daemon_->log();
  ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  kafka_.DeleteTopic(kTopic);
  kafka_.CreateTopic(kTopic, partitions_);
  publish("of the new topic");
  daemon_->StartAndWait();
  EXPECT_TRUE(WaitUntil(After(60s), [&] { return Letters() == 6; })) << daemon_->log();
  EXPECT_EQ(database_.Number("SELECT count(DISTINCT topic_id) FROM usage_ingest.dead_letters"), 2);
}

TEST_F(KafkaLogTest, AnotherClusterHasATopicOfTheSameName) {
  StartAndIngest(500);
  ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  KafkaBroker other;
  other.CreateTopic(kTopic, partitions_);
  Producer producer(other.brokers());
  load_.Publish(producer, 1'000);
  daemon_->Configure("kafka", "brokers", "\"" + other.brokers() + "\"");
  daemon_->StartAndWait();
  ExpectAllExactlyOnce();
}

// Two clusters and two groups share one database.
TEST_F(KafkaLogTest, DeadLettersOfTwoClustersAreKeptApart) {
  KafkaBroker other;
  other.CreateTopic(kTopic, partitions_);
  const std::string bad = "no JSON";
  for (const std::string& brokers : {kafka_.brokers(), other.brokers()}) {
    Producer producer(brokers);
    producer.Produce({.topic = kTopic, .partition = 0, .value = bad});
    producer.Flush();
  }
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->StartAndWait();
  DaemonOptions options = SmallBatches();
  options.brokers = other.brokers();
  options.group = "other";
  DaemonProcess second(options);
  second.StartAndWait();
  EXPECT_TRUE(WaitUntil(After(60s), [&] { return Letters() == 2; })) << daemon_->log();
  EXPECT_EQ(database_.Number("SELECT sum(dead_lettered) FROM usage_ingest.kafka_offsets"), 2);
}

// Three nodes, so that a controller can be elected without the node that had the whole log.
class UncleanElectionTest : public KafkaLogTest {
 protected:
  UncleanElectionTest() : KafkaLogTest({.kafka = {.nodes = 3}, .partitions = 1}) {}

  void SetUp() override {
    KafkaLogTest::SetUp();
    kafka_.DeleteTopic(kTopic);
    kafka_.admin().CreateTopic(kTopic, {.partitions = 1,
                                        .replication = 2,
                                        .settings = {{"unclean.leader.election.enable", "true"}}});
    // Nodes learn of the topic one after another.
    ASSERT_TRUE(WaitUntil(After(30s), [&] { return FindLeader(); }));
    ASSERT_TRUE(WaitUntil(After(30s), [&] { return FindFollower(); }));
  }
  // The node with the whole log dies, and the one that has only the beginning leads.
  void ElectTheFollower() {
    kafka_.Kill(leader_);
    kafka_.Start(follower_);
    ASSERT_TRUE(WaitUntil(After(60s), [&] { return FindLeader() && leader_ == follower_; }))
        << kafka_.log(follower_);
  }

  bool FindLeader() {
    try {
      leader_ = kafka_.admin().Leader(kTopic, 0);
    } catch (const KafkaError&) {
      return false;
    }
    return leader_ > 0;
  }
  bool FindFollower() {
    try {
      for (const std::int32_t replica : kafka_.admin().Replicas(kTopic, 0)) {
        if (replica != leader_) follower_ = replica;
      }
    } catch (const KafkaError&) {
      return false;
    }
    return follower_ > 0;
  }
  // The producer of before has a fatal error: the new leader does not know its last sequence
  // number.
  void Refill(std::uint64_t events) {
    Producer producer(kafka_.brokers());
    load_.Publish(producer, events);
  }

  std::int32_t leader_ = 0;
  std::int32_t follower_ = 0;
};

TEST_F(UncleanElectionTest, AShorterLogThatIsRefilledAtOnce) {
  StartAndIngest(1'000);
  const std::int64_t common = kafka_.admin().EndOffset(kTopic, 0);
  kafka_.Stop(follower_);
  load_.Publish(*producer_, 40);
  ASSERT_NO_FATAL_FAILURE(WaitUntilIngested());
  ASSERT_NO_FATAL_FAILURE(ElectTheFollower());
  Refill(500);
  ExpectAllExactlyOnce();
  EXPECT_EQ(LogChanges("truncated"), 1);
  EXPECT_NE(daemon_->log().find("reading it again from offset " + std::to_string(common) + "."),
            std::string::npos)
      << daemon_->log();
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
}

TEST_F(UncleanElectionTest, WhileWeAreDown) {
  StartAndIngest(1'000);
  const std::int64_t common = kafka_.admin().EndOffset(kTopic, 0);
  kafka_.Stop(follower_);
  load_.Publish(*producer_, 40);
  ASSERT_NO_FATAL_FAILURE(WaitUntilIngested());
  ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  ASSERT_NO_FATAL_FAILURE(ElectTheFollower());
  Refill(500);
  daemon_->StartAndWait();
  ExpectAllExactlyOnce();
  EXPECT_EQ(LogChanges("truncated"), 1);
  EXPECT_NE(daemon_->log().find("reading it again from offset " + std::to_string(common) + "."),
            std::string::npos)
      << daemon_->log();
}

}  // namespace
}  // namespace usage_ingest::support
