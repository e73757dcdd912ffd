// KafkaConsumer against librdkafka's mock cluster: what protocol faults do to it.
#include <random>

#include "ingest/kafka/client/fetch_limits.h"
#include "ingest/kafka/client/topic_ids.h"
#include "tests/integration/kafka/consumer_fixture.h"
#include "tests/integration/kafka/mock_cluster.h"

namespace usage_ingest::kafka::consumer {
namespace {

class ConsumerMockTest : public ConsumerFixture {
 protected:
  [[nodiscard]] std::string brokers() const override { return cluster_.brokers(); }
  MockCluster cluster_;
};

TEST_F(ConsumerMockTest, DeliversEveryRecordOfSeveralTopicsOnce) {
  cluster_.CreateTopic("t", 3);
  cluster_.CreateTopic("u", 2);
  Produce("t", 3, 1000);
  Produce("u", 2, 1000);
  ConsumerHarness harness(Options({"t", "u"}), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  Produce("t", 3, 1000);
  ExpectEverythingOnce(harness);
  EXPECT_EQ(harness.telemetry.assigned, 5);
  EXPECT_TRUE(harness.Stop().has_value());
}

TEST_F(ConsumerMockTest, ReadsOnWherePostgresIs) {
  cluster_.CreateTopic("t", 1);
  Produce("t", 1, 100);
  {
    ConsumerHarness harness(Options(), database_);
    harness.Start();
    ExpectEverythingOnce(harness);
  }
  Produce("t", 1, 100);
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
}

TEST_F(ConsumerMockTest, BeginsAtTheEndWhenToldSo) {
  cluster_.CreateTopic("t", 2);
  Produce("t", 2, 10);
  ForgetProduced();
  HarnessOptions options = Options();
  options.kafka.start = client::LogEnd::kLatest;
  ConsumerHarness harness(std::move(options), database_);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.requests() == 1; }));
  ASSERT_TRUE(
      Eventually([&] { return database_.At({"t", PartitionId{1}}).next_offset.value == 10; }));
  Produce("t", 2, 10);
  ExpectEverythingOnce(harness);
}

// Goal: an assignment whose offsets are not known yet delays no other. Method: PostgreSQL does not
// answer the first member; a second one joins, and must get its share all the same.
TEST_F(ConsumerMockTest, TheGroupGoesOnWhilePostgresIsSilent) {
  cluster_.CreateTopic("t", 4);
  Produce("t", 4, 100);
  ConsumerHarness first(Options(), database_);
  first.HoldAnswers(true);
  first.Start();
  ASSERT_TRUE(Eventually([&] { return first.requests() == 1; }));
  ConsumerHarness second(Options(), database_);
  second.Start();
  ASSERT_TRUE(
      Eventually([&] { return first.telemetry.assigned == 2 && second.telemetry.assigned == 2; }));
  EXPECT_TRUE(Eventually([&] { return database_.Count() == produced_ / 2; }));
  first.HoldAnswers(false);
  ExpectEverythingOnce(first);
  EXPECT_THAT(second.Violations(), ::testing::IsEmpty());
}

TEST_F(ConsumerMockTest, MembersComeAndGoAndNothingIsLostOrTwice) {
  cluster_.CreateTopic("t", 4);
  ConsumerHarness steady(Options(), database_);
  steady.Start();
  for (int round = 0; round < 3; ++round) {
    Produce("t", 4, 300);
    ConsumerHarness guest(Options(), database_);
    guest.Start();
    ASSERT_TRUE(
        Eventually([&] { return guest.telemetry.assigned > 0 && steady.telemetry.assigned < 4; }));
    Produce("t", 4, 300);
    EXPECT_TRUE(guest.Stop().has_value());
    EXPECT_THAT(guest.Violations(), ::testing::IsEmpty());
  }
  ExpectEverythingOnce(steady);
}

TEST_F(ConsumerMockTest, AFullQueueIsWaitedForAndThenPausedOnce) {
  cluster_.CreateTopic("t", 2);
  Produce("t", 2, 2000);
  HarnessOptions options = Options();
  options.queue = {.records_max = 100, .bytes_max = 1 << 20};
  ConsumerHarness harness(std::move(options), database_);
  harness.HoldLanes(true);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.pauses == 1; }));
  Produce("t", 2, 100);
  harness.HoldLanes(false);
  ExpectEverythingOnce(harness);
  EXPECT_EQ(harness.telemetry.pauses, 1);
  EXPECT_EQ(harness.telemetry.resumes, 1);
}

TEST_F(ConsumerMockTest, ARebalanceWhilePausedLosesNothing) {
  cluster_.CreateTopic("t", 2);
  Produce("t", 2, 2000);
  HarnessOptions options = Options();
  options.queue = {.records_max = 100, .bytes_max = 1 << 20};
  ConsumerHarness paused(options, database_);
  paused.HoldLanes(true);
  paused.Start();
  ASSERT_TRUE(Eventually([&] { return paused.telemetry.pauses == 1; }));
  ConsumerHarness guest(Options(), database_);
  guest.Start();
  ASSERT_TRUE(
      Eventually([&] { return paused.telemetry.assigned == 1 && guest.telemetry.assigned == 1; }));
  EXPECT_GE(paused.telemetry.resumes, 1) << "what was paused belongs to an epoch that is over";
  paused.HoldLanes(false);
  ExpectEverythingOnce(paused);
  EXPECT_TRUE(Eventually([&] { return paused.telemetry.resumes == paused.telemetry.pauses; }));
}

TEST_F(ConsumerMockTest, ARecordThatIsNotTheOneBeforeMeansANewLog) {
  cluster_.CreateTopic("t", 1);
  Produce("t", 1, 50);
  database_.Set({"t", PartitionId{0}},
                {.next_offset = Offset{20}, .last_record = RecordFingerprint{1, 2}});
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  EXPECT_EQ(database_.gap_records(), 0) << "of the new log nothing is missing";
  EXPECT_EQ(database_.At({"t", PartitionId{0}}).next_offset, Offset{50});
}

TEST_F(ConsumerMockTest, ALogThatEndsBelowTheStoredOffsetIsANewLog) {
  cluster_.CreateTopic("t", 1);
  Produce("t", 1, 50);
  database_.Set({"t", PartitionId{0}}, {.next_offset = Offset{1000}, .last_record = {}});
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
}

// The mock keeps 5 MiB a partition: what is older is gone, as by retention.
TEST_F(ConsumerMockTest, ARetentionGapIsCountedAndReadOnBehindIt) {
  cluster_.CreateTopic("t", 1);
  database_.Set({"t", PartitionId{0}}, {.next_offset = Offset{0}, .last_record = {}});
  support::Producer producer(cluster_.brokers());
  std::mt19937_64 random(1);
  for (int i = 0; i < 800; ++i) {
    std::string value = std::to_string(i) + "/";  // incompressible, or 8 MB would not be
    while (value.size() < 10'000) value.push_back(static_cast<char>('0' + random() % 64));
    producer.Produce({.topic = "t", .partition = 0, .value = value});
    if (i % 50 == 0) producer.Flush();  // small batches: the mock drops whole ones
  }
  producer.Flush();
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ASSERT_TRUE(
      Eventually([&] { return database_.At({"t", PartitionId{0}}).next_offset.value == 800; }));
  EXPECT_GT(database_.gap_records(), 0);
  EXPECT_EQ(static_cast<std::size_t>(database_.gap_records()) + database_.Count(), 800U);
  EXPECT_EQ(harness.telemetry.gap_records, database_.gap_records());
}

// The prefetch queue is full eight times on the way. With librdkafka's default each time costs up
// to a second (fetch.queue.backoff.ms).
TEST_F(ConsumerMockTest, AFullPrefetchQueueCostsNoSeconds) {
  cluster_.CreateTopic("t", 4);
  Produce("t", 4, 400, /*padding=*/10'000);
  HarnessOptions options = Options();
  options.kafka.prefetch_bytes = client::kPrefetchBytesMin;
  ConsumerHarness harness(std::move(options), database_);
  harness.Start();
  ASSERT_TRUE(Eventually([this] { return database_.Count() > 0; }));
  const auto begun = std::chrono::steady_clock::now();
  ExpectEverythingOnce(harness);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
}

TEST_F(ConsumerMockTest, AnOffsetOutOfRangeRereadsAndLosesNothing) {
  cluster_.CreateTopic("t", 2);
  Produce("t", 2, 200);
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  cluster_.FailNext(ApiKey::kFetch, {RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE});
  ASSERT_TRUE(Eventually([&] { return harness.requests() == 2; }));
  Produce("t", 2, 200);
  ExpectEverythingOnce(harness);
}

TEST_F(ConsumerMockTest, AnotherOwnersCommitMakesItReadTheOffsetsAgain) {
  cluster_.CreateTopic("t", 1);
  Produce("t", 1, 100);
  ConsumerHarness harness(Options(), database_);
  harness.HoldLanes(true);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.assigned == 1; }));
  ASSERT_TRUE(Eventually([&] { return harness.requests() == 1; }));
  // A zombie commits the first forty behind our back.
  std::vector<std::string> values;
  for (int i = 0; i < 40; ++i) values.push_back("t/0/" + std::to_string(i));
  const auto before = database_.At({"t", PartitionId{0}});
  ASSERT_TRUE(database_.Commit({"t", PartitionId{0}}, before.next_offset,
                               {.next_offset = Offset{40}, .last_record = {}}, 0, values));
  harness.HoldLanes(false);
  ExpectEverythingOnce(harness);
  EXPECT_EQ(harness.requests(), 2);
}

// The story: PostgreSQL failed over to a replica without the last commits while a partition was
// quiet, and what was lost was not read again before something new came.
TEST_F(ConsumerMockTest, ADatabaseThatLostCommitsIsNoticedWithoutNewRecords) {
  cluster_.CreateTopic("t", 2);
  Produce("t", 2, 100);
  HarnessOptions options = Options();
  options.kafka.position_check_interval = std::chrono::milliseconds(50);
  ConsumerHarness harness(std::move(options), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  const TopicPartition quiet{"t", PartitionId{0}};
  database_.Set(quiet, {.next_offset = Offset{60}, .last_record = {}});
  EXPECT_TRUE(Eventually([&] { return database_.At(quiet).next_offset == Offset{100}; }));
  EXPECT_EQ(database_.At({"t", PartitionId{1}}).next_offset, Offset{100});
  EXPECT_THAT(harness.Violations(), ::testing::IsEmpty());
}

TEST_F(ConsumerMockTest, AFailedKafkaCommitIsTriedAgain) {
  cluster_.CreateTopic("t", 1);
  Produce("t", 1, 100);
  cluster_.FailNext(ApiKey::kOffsetCommit, {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
                                            RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED});
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  EXPECT_TRUE(Eventually([&] { return harness.telemetry.HasError("committing offsets"); }));
  support::KafkaHandle reader = support::MakeKafkaHandle(
      RD_KAFKA_CONSUMER, {{"bootstrap.servers", cluster_.brokers()}, {"group.id", "g"}});
  EXPECT_TRUE(Eventually([&] {
    const support::PartitionList list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), "t", 0);
    support::CheckKafka(rd_kafka_committed(reader.get(), list.get(), 5000), "committed");
    return list->elems[0].offset == 100;
  }));
}

TEST_F(ConsumerMockTest, SurvivesABrokerThatGoesAndComesBack) {
  cluster_.CreateTopic("t", 2);
  Produce("t", 2, 100);
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  cluster_.SetDown(1);
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.transient_errors > 0; }));
  cluster_.SetUp(1);
  Produce("t", 2, 100);
  ExpectEverythingOnce(harness);
}

TEST_F(ConsumerMockTest, EndsWhenAnotherInstanceTookItsStaticName) {
  cluster_.CreateTopic("t", 1);
  HarnessOptions options = Options();
  options.kafka.properties["group.instance.id"] = "one";
  ConsumerHarness harness(std::move(options), database_);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.assigned == 1; }));
  cluster_.FailNext(ApiKey::kHeartbeat, {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID});
  ASSERT_TRUE(Eventually([&] { return harness.has_ended(); }));
  const Result<> ended = harness.Stop();
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().code, ErrorCode::kFatal);
  EXPECT_NE(ended.error().context.find("group.instance.id"), std::string::npos)
      << ended.error().context;
}

TEST_F(ConsumerMockTest, ReportsLag) {
  cluster_.CreateTopic("t", 1);
  Produce("t", 1, 100);
  ConsumerHarness harness(Options(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  EXPECT_TRUE(Eventually([&] {
    const auto lags = harness.telemetry.lags();
    const auto lag = lags.find({"t", PartitionId{0}});
    return lag != lags.end() && lag->second.high_watermark == Offset{100} &&
           lag->second.position == Offset{100} && lag->second.committed == Offset{100} &&
           lag->second.oldest_uncommitted_ms == 0;
  }));
}

TEST(TopicIdsTest, ABrokerThatAnswersOtherQuestionsOnlyHasNoIds) {
  MockCluster cluster;
  cluster.CreateTopic("t", 1);
  const auto client =
      support::MakeKafkaHandle(RD_KAFKA_CONSUMER, {{"bootstrap.servers", cluster.brokers()}});
  const std::vector<std::string> topics = {"t"};
  const auto ask = [&] {
    return client::QueryTopicIds(client.get(), topics, std::chrono::milliseconds(300));
  };
  const auto ids = ask();
  ASSERT_TRUE(ids.has_value()) << ids.error().context;
  EXPECT_THAT(*ids, ::testing::ElementsAre(::testing::Pair("t", "")));
  cluster.SetDown(1);
  const auto unanswered = ask();
  ASSERT_FALSE(unanswered.has_value());
  EXPECT_EQ(unanswered.error().code, ErrorCode::kUnavailable);
}

TEST(ConsumerConfigTest, RefusesAPropertyThatLibrdkafkaDoesNotKnow) {
  FakeDatabase database;
  HarnessOptions options;
  options.kafka.brokers = "127.0.0.1:1";
  options.kafka.topics = {"t"};
  options.kafka.group_id = "g";
  options.kafka.properties["sasl.mechanizm"] = "PLAIN";
  try {
    const ConsumerHarness harness(std::move(options), database);
    FAIL() << "accepted";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("sasl.mechanizm"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
