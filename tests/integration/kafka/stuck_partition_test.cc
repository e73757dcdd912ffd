// One partition that cannot be read does not keep the others from being read, and says so.
#include <fstream>

#include "tests/integration/kafka/consumer_fixture.h"
#include "tests/support/kafka/kafka_broker.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;
using pipeline::StuckReason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StuckPartitionTest : public ConsumerFixture {
 protected:
  static void SetUpTestSuite() { broker_ = std::make_unique<support::KafkaBroker>(); }
  static void TearDownTestSuite() { broker_.reset(); }

  [[nodiscard]] std::string brokers() const override { return broker_->brokers(); }
  // The topic of this test, in a group of its own.
  [[nodiscard]] HarnessOptions OwnOptions() const {
    HarnessOptions options = Options({topic_});
    options.kafka.group_id = topic_;
    return options;
  }
  // Where `value` begins on the broker's disk.
  [[nodiscard]] std::streamoff Find(int partition, const std::string& value) const {
    std::ifstream file(Segment(partition), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    const std::size_t at = bytes.find(value);
    if (at == std::string::npos) throw std::runtime_error(value + " is not in the log");
    return static_cast<std::streamoff>(at);
  }
  // The same again repairs it.
  void FlipByte(int partition, std::streamoff at) const {
    std::fstream file(Segment(partition), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const int byte = file.get();
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 0x20));
  }
  [[nodiscard]] std::filesystem::path Segment(int partition) const {
    return broker_->PartitionDirectory(topic_, partition) / "00000000000000000000.log";
  }
  [[nodiscard]] TopicPartition Source(int partition) const {
    return {topic_, PartitionId{partition}};
  }

  const std::string topic_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  static std::unique_ptr<support::KafkaBroker> broker_;
};
std::unique_ptr<support::KafkaBroker> StuckPartitionTest::broker_;

// The story: one flipped byte, and no partition was read for 80 s.
TEST_F(StuckPartitionTest, AFlippedByteStopsItsPartitionOnlyUntilItIsRepaired) {
  broker_->CreateTopic(topic_, 3);
  Produce(topic_, 3, 50);
  Produce(topic_, 1, 1, /*padding=*/1000);
  Produce(topic_, 3, 50);
  const std::streamoff damaged = Find(0, "/0/150.");
  FlipByte(0, damaged);
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.stuck().contains(Source(0)); }));
  const auto stuck = harness.telemetry.stuck().at(Source(0));
  EXPECT_EQ(stuck.reason, StuckReason::kCorruptBatch);
  EXPECT_EQ(stuck.offset, Offset{50});
  EXPECT_EQ(harness.telemetry.Errors(pipeline::KafkaErrorClass::kProtocol), 0)
      << "the broker refuses nothing";
  EXPECT_THAT(stuck.why, HasSubstr("--partition 0 --from-offset 50 --to-offset 51"));
  ASSERT_TRUE(Eventually([&] { return database_.Count() == 250; })) << database_.Count();
  Produce(topic_, 3, 20);  // the others go on
  ASSERT_TRUE(Eventually([&] { return database_.Count() == 290; })) << database_.Count();
  EXPECT_EQ(database_.At(Source(0)).next_offset, Offset{50}) << "nothing behind it is taken";
  EXPECT_EQ(harness.requests(), 1) << "the others were not read again";
  EXPECT_TRUE(harness.telemetry.stuck().contains(Source(0)));
  FlipByte(0, damaged);
  ExpectEverythingOnce(harness);
  EXPECT_THAT(harness.telemetry.stuck(), IsEmpty());
  EXPECT_EQ(harness.requests(), 1);
}

// The process that ends and the next one see the same.
TEST_F(StuckPartitionTest, ADamagedBatchIsNotSkippedByARestart) {
  broker_->CreateTopic(topic_, 2);
  Produce(topic_, 2, 10);
  const std::streamoff damaged = Find(1, "/1/1");
  FlipByte(1, damaged);
  for (int round = 0; round < 2; ++round) {
    ConsumerHarness harness(OwnOptions(), database_);
    harness.Start();
    ASSERT_TRUE(Eventually([&] { return harness.telemetry.stuck().contains(Source(1)); }));
    ASSERT_TRUE(Eventually([&] { return database_.Count() == 10; }));
    EXPECT_TRUE(harness.Stop().has_value());
    EXPECT_EQ(database_.At(Source(1)).next_offset, Offset{0});
  }
  FlipByte(1, damaged);
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
}

// What is damaged was written before: only the comparison with it is lost.
TEST_F(StuckPartitionTest, ADamagedRecordThatWasWrittenHoldsNothing) {
  broker_->CreateTopic(topic_, 1);
  Produce(topic_, 1, 10);
  Produce(topic_, 1, 1, /*padding=*/1000);
  {
    ConsumerHarness harness(OwnOptions(), database_);
    harness.Start();
    ExpectEverythingOnce(harness);
    EXPECT_TRUE(harness.Stop().has_value());
  }
  FlipByte(0, Find(0, "/0/10."));
  Produce(topic_, 1, 5);
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.stuck().empty(); }));
}

// `partitions skip` moves the stored offset while the daemon runs.
TEST_F(StuckPartitionTest, GoesOnBehindWhatTheOperatorSkipped) {
  broker_->CreateTopic(topic_, 2);
  Produce(topic_, 2, 10);
  Produce(topic_, 1, 1, /*padding=*/1000);
  Produce(topic_, 2, 10);
  FlipByte(0, Find(0, "/0/20."));
  HarnessOptions options = OwnOptions();
  options.kafka.position_check_interval = 500ms;
  ConsumerHarness harness(options, database_);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return database_.Count() == 30; }));
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.stuck().contains(Source(0)); }));
  database_.Set(Source(0), {.next_offset = Offset{11}, .last_record = {}});
  produced_ -= 1;
  ExpectEverythingOnce(harness);
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.stuck().empty(); }));
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
