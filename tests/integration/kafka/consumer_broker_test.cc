// KafkaConsumer against a real Apache Kafka: what operators and retention do to its topics.
#include <filesystem>

#include "tests/integration/kafka/consumer_fixture.h"
#include "tests/integration/kafka/transactional_producer.h"
#include "tests/support/kafka/kafka_broker.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;

const TopicPartition kFirst{"t", PartitionId{0}};

class ConsumerBrokerTest : public ConsumerFixture {
 protected:
  explicit ConsumerBrokerTest(const support::KafkaOptions& options = {}) : broker_(options) {}
  [[nodiscard]] std::string brokers() const override { return broker_.brokers(); }
  // Reads until nothing is left, then ends, as a daemon that is stopped.
  void ReadEverything() {
    ConsumerHarness harness(Options(), database_);
    harness.Start();
    ExpectEverythingOnce(harness);
    EXPECT_TRUE(harness.Stop().has_value());
  }

  support::KafkaBroker broker_;
};

class OwnBrokerTest : public ConsumerBrokerTest {
 protected:
  OwnBrokerTest() : ConsumerBrokerTest({.settings = {{"log.cleaner.backoff.ms", "100"}}}) {}
};

TEST_F(ConsumerBrokerTest, ReadsOnAfterAStopAndKafkasOffsetsFollow) {
  broker_.CreateTopic("t", 3);
  Produce("t", 3, 500);
  ReadEverything();
  for (int p = 0; p < 3; ++p) {
    EXPECT_EQ(broker_.admin().Committed("g", "t", p), 500) << "committed on leaving, INV-7";
  }
  Produce("t", 3, 500);
  ReadEverything();
}

// The story: leaving the group while a fetch was answered ran into an assertion of librdkafka's, on
// a busy machine every second time.
TEST_F(ConsumerBrokerTest, StopsAgainAndAgainInTheMiddleOfAFlood) {
  broker_.CreateTopic("t", 4);
  Produce("t", 4, 20'000, /*padding=*/2'000);
  HarnessOptions options = Options();
  options.kafka.prefetch_bytes = 4 << 20;  // so that fetches never cease
  for (int round = 0; round < 8; ++round) {
    const std::size_t before = database_.Count();
    ConsumerHarness harness(options, database_);
    harness.Start();
    ASSERT_TRUE(Eventually([&] { return database_.Count() > before + 1000; }));
    const auto begin = std::chrono::steady_clock::now();
    harness.StopConsumer();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s) << "it left, and was not cut off";
    EXPECT_TRUE(harness.Stop().has_value());
    EXPECT_THAT(harness.Violations(), ::testing::IsEmpty());
  }
  ReadEverything();
}

// The story: the partition of a deleted topic kept a client of librdkafka 2.0.2 from ever ending.
TEST_F(ConsumerBrokerTest, EndsAfterItsTopicWasDeleted) {
  broker_.CreateTopic("t", 2);
  Produce("t", 2, 100);
  HarnessOptions options = Options();
  options.kafka.properties["topic.metadata.refresh.interval.ms"] = "500";
  ConsumerHarness harness(std::move(options), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  broker_.DeleteTopic("t");
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.HasError("nknown"); }));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(harness.Stop().has_value());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST_F(ConsumerBrokerTest, WaitsForATopicThatIsNotThereYet) {
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.HasError("not available"); }));
  broker_.CreateTopic("t", 2);
  Produce("t", 2, 100);
  ExpectEverythingOnce(harness);
}

TEST_F(ConsumerBrokerTest, ReadsAnAddedPartitionFromItsBeginningWhateverStartSays) {
  broker_.CreateTopic("t", 1);
  HarnessOptions options = Options();
  options.kafka.start = client::LogEnd::kLatest;
  ConsumerHarness harness(std::move(options), database_);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.assigned == 1; }));
  ASSERT_TRUE(Eventually([&] { return harness.requests() == 1; }));
  broker_.admin().SetPartitions("t", 3);
  Produce("t", 3, 100);
  ExpectEverythingOnce(harness);
  EXPECT_EQ(harness.telemetry.assigned, 3);
}

TEST_F(ConsumerBrokerTest, ReadsATopicThatWasRecreatedWhileItRan) {
  broker_.CreateTopic("t", 2);
  Produce("t", 2, 200);
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  broker_.DeleteTopic("t");
  broker_.CreateTopic("t", 2);
  Produce("t", 2, 50);
  ExpectEverythingOnce(harness);
  EXPECT_EQ(database_.At(kFirst).next_offset, Offset{50});
}

// The new log is longer than the old one was: only the record before next_offset tells.
TEST_F(ConsumerBrokerTest, ReadsATopicThatWasRecreatedWhileItWasAway) {
  broker_.CreateTopic("t", 1);
  Produce("t", 1, 50);
  ReadEverything();
  broker_.DeleteTopic("t");
  broker_.CreateTopic("t", 1);
  Produce("t", 1, 200);
  ReadEverything();
  EXPECT_EQ(database_.At(kFirst).next_offset, Offset{200});
}

TEST_F(ConsumerBrokerTest, CountsWhatRetentionTookWhileItWasAway) {
  broker_.CreateTopic("t", 1);
  Produce("t", 1, 100);
  ReadEverything();
  Produce("t", 1, 100);
  broker_.admin().DeleteRecordsBelow("t", 0, 130);
  produced_ -= 30;
  ReadEverything();
  EXPECT_EQ(database_.gap_records(), 30);
}

TEST_F(ConsumerBrokerTest, RetentionOfEverythingReadIsNoGap) {
  broker_.CreateTopic("t", 1);
  Produce("t", 1, 100);
  ReadEverything();
  broker_.admin().DeleteRecordsBelow("t", 0, 100);
  Produce("t", 1, 10);
  ReadEverything();
  EXPECT_EQ(database_.gap_records(), 0);
}

TEST_F(ConsumerBrokerTest, CountsWhatRetentionTakesWhilePostgresIsAway) {
  broker_.CreateTopic("t", 1);
  Produce("t", 1, 1000);
  HarnessOptions options = Options();
  options.queue = {.records_max = 100, .bytes_max = 1 << 20};
  ConsumerHarness harness(std::move(options), database_);
  harness.HoldLanes(true);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.pauses == 1; }));
  broker_.admin().DeleteRecordsBelow("t", 0, 600);
  harness.HoldLanes(false);
  ASSERT_TRUE(Eventually([&] { return database_.At(kFirst).next_offset == Offset{1000}; }));
  EXPECT_GT(database_.gap_records(), 0);
  EXPECT_EQ(static_cast<std::size_t>(database_.gap_records()) + database_.Count(), 1000U);
  EXPECT_THAT(harness.Violations(), ::testing::IsEmpty());
}

TEST_F(OwnBrokerTest, GoesOnByItselfWhenTheBrokerComesBack) {
  broker_.CreateTopic("t", 2);
  Produce("t", 2, 200);
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  broker_.Kill();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.transient_errors > 0; }));
  broker_.Start();
  Produce("t", 2, 200);
  ExpectEverythingOnce(harness);
}

TEST_F(OwnBrokerTest, StartsBeforeTheBrokerDoes) {
  broker_.CreateTopic("t", 1);
  Produce("t", 1, 100);
  broker_.Stop();
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.HasError("Connection refused"); }));
  broker_.Start();
  ExpectEverythingOnce(harness);
}

TEST_F(ConsumerBrokerTest, SeesNothingOfAbortedTransactionsAndStumblesOverNoMarker) {
  broker_.CreateTopic("t", 1);
  TransactionalProducer producer(brokers());
  for (int i = 0; i < 3; ++i) {
    producer.CommitOne("t", "committed/" + std::to_string(i));
    producer.AbortOne("t", "aborted/" + std::to_string(i));
    ++produced_;
  }
  ReadEverything();
  Produce("t", 1, 10);
  ReadEverything();
  EXPECT_EQ(database_.gap_records(), 0) << "markers are holes, not gaps";
}

// Compaction takes records that were read, the last one of them too, and records that were not.
TEST_F(OwnBrokerTest, HolesOfACompactedLogAreNeitherAGapNorAnotherLog) {
  broker_.admin().CreateTopic("t", {.settings = {{"cleanup.policy", "compact"},
                                                 {"segment.ms", "100"},
                                                 {"min.cleanable.dirty.ratio", "0.01"}}});
  const auto log_bytes = [&] {
    std::uintmax_t bytes = 0;
    for (const auto& file :
         std::filesystem::directory_iterator(broker_.PartitionDirectory("t", 0))) {
      if (file.path().extension() == ".log") bytes += file.file_size();
    }
    return bytes;
  };
  // A segment ends with the first record that is 100 ms younger than its first one, and all but the
  // last segment are compacted.
  std::int64_t time_ms = 1'700'000'000'000;
  const auto produce = [&] {
    time_ms += 1000;
    support::Producer producer(brokers());
    for (int i = 0; i < 200; ++i) {
      const std::string value = std::to_string(next_++) + std::string(100, '.');
      producer.Produce({.topic = "t",
                        .partition = 0,
                        .key = "key" + std::to_string(i % 5),
                        .value = value,
                        .timestamp_ms = time_ms});
    }
    producer.Flush();
  };
  produce();
  produced_ = 200;
  ReadEverything();
  const std::uintmax_t full = log_bytes();
  for (int round = 0; round < 3; ++round) {
    produce();
    ASSERT_TRUE(Eventually([&] { return log_bytes() < 2 * full; })) << log_bytes();
  }
  const std::int64_t end = broker_.admin().EndOffset("t", 0);
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return database_.At(kFirst).next_offset == Offset{end}; }));
  EXPECT_THAT(database_.Values(), ::testing::Each(::testing::Pair(::testing::_, 1)));
  EXPECT_LT(database_.Count(), static_cast<std::size_t>(end)) << "nothing was compacted";
  EXPECT_EQ(database_.gap_records(), 0);
  EXPECT_THAT(harness.Violations(), ::testing::IsEmpty());
}

TEST_F(ConsumerBrokerTest, AStaticMemberThatRestartsCausesNoRebalance) {
  broker_.CreateTopic("t", 2);
  Produce("t", 2, 100);
  HarnessOptions options = Options();
  options.kafka.properties["session.timeout.ms"] = "30000";
  options.kafka.properties["group.instance.id"] = "other";
  ConsumerHarness other(options, database_);
  other.Start();
  options.kafka.properties["group.instance.id"] = "one";
  {
    ConsumerHarness one(options, database_);
    one.Start();
    ASSERT_TRUE(
        Eventually([&] { return one.telemetry.assigned == 1 && other.telemetry.assigned == 1; }));
    ExpectEverythingOnce(other);
    EXPECT_TRUE(one.Stop().has_value());
  }
  const int rebalances = other.telemetry.rebalances;
  Produce("t", 2, 100);
  ConsumerHarness again(options, database_);
  again.Start();
  ExpectEverythingOnce(other);
  EXPECT_EQ(other.telemetry.rebalances, rebalances);
}

// The member that joined first leads the group: it assigns the partitions of all topics, and asks
// only for those of its own.
class UnequalTopicsTest : public ConsumerBrokerTest {
 protected:
  [[nodiscard]] HarnessOptions Quick(std::vector<std::string> topics) const {
    HarnessOptions options = Options(std::move(topics));
    options.kafka.properties["topic.metadata.refresh.interval.ms"] = "500";
    return options;
  }
  void Start() {
    leader_ = std::make_unique<ConsumerHarness>(Quick({"t"}), database_);
    leader_->Start();
    ASSERT_TRUE(Eventually([&] { return leader_->telemetry.assigned == 2; }));
    follower_ = std::make_unique<ConsumerHarness>(Quick({"t", "u"}), database_);
    follower_->Start();
  }
  [[nodiscard]] int assigned() const {
    return leader_->telemetry.assigned + follower_->telemetry.assigned;
  }

  std::unique_ptr<ConsumerHarness> leader_;
  std::unique_ptr<ConsumerHarness> follower_;
};

// The story: partitions were added to the second one's topic, and never assigned to anyone.
TEST_F(UnequalTopicsTest, PartitionsAddedToATopicThatTheLeaderDoesNotRead) {
  broker_.CreateTopic("t", 2);
  broker_.CreateTopic("u", 1);
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Eventually([&] { return assigned() == 3; })) << assigned();
  broker_.admin().SetPartitions("u", 4);
  Produce("u", 4, 10);
  Produce("t", 2, 10);
  ASSERT_TRUE(Eventually([&] { return assigned() == 6; })) << assigned();
  ExpectEverythingOnce(*leader_);
  ExpectEverythingOnce(*follower_);
}

TEST_F(UnequalTopicsTest, ATopicThatTheLeaderDoesNotReadIsCreatedLater) {
  broker_.CreateTopic("t", 2);
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Eventually([&] { return follower_->telemetry.assigned > 0; }));
  broker_.CreateTopic("u", 2);
  Produce("u", 2, 10);
  ASSERT_TRUE(Eventually([&] { return assigned() == 4; })) << assigned();
  ExpectEverythingOnce(*follower_);
}

// Members that read the same topics are left alone.
TEST_F(UnequalTopicsTest, NoMemberJoinsAgainWhileEveryPartitionIsRead) {
  broker_.CreateTopic("t", 2);
  broker_.CreateTopic("u", 1);
  ASSERT_NO_FATAL_FAILURE(Start());
  ASSERT_TRUE(Eventually([&] { return assigned() == 3; })) << assigned();
  const int rebalances = follower_->telemetry.rebalances;
  EXPECT_TRUE(support::HoldsFor(std::chrono::seconds(15), [&] {
    return follower_->telemetry.rebalances == rebalances && assigned() == 3;
  }));
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
