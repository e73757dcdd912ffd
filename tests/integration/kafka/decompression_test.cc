// What a producer may send, and what becomes of it in memory (INV-6). The test process holds the
// consumer, so its own peak is what is measured.
#include <fstream>

#include "tests/integration/kafka/consumer_fixture.h"
#include "tests/support/kafka/kafka_broker.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;
using pipeline::StuckReason;

constexpr std::size_t kMiB = std::size_t{1} << 20;
constexpr std::size_t kShare = 64 * kMiB;  // of librdkafka, as the default budget gives it
// The queue, half as much again, and the batch that is decompressed; allocator and threads.
constexpr std::size_t kPeakMax = kShare + 48 * kMiB;

std::size_t StatusBytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stoul(line.substr(field.size())) * 1024;
  }
  throw std::runtime_error("no " + field);
}

// PeakMemory: by how much the process grew at most since it was made.
class PeakMemory {
 public:
  PeakMemory() {
    std::ofstream("/proc/self/clear_refs") << "5\n";  // proc(5): resets VmHWM
    before_ = StatusBytes("VmRSS:");
  }
  [[nodiscard]] std::size_t bytes() const { return StatusBytes("VmHWM:") - before_; }

 private:
  std::size_t before_ = 0;
};

class DecompressionTest : public ConsumerFixture,
                          public ::testing::WithParamInterface<std::string> {
 protected:
  static void SetUpTestSuite() { broker_ = std::make_unique<support::KafkaBroker>(); }
  static void TearDownTestSuite() { broker_.reset(); }

  [[nodiscard]] std::string brokers() const override { return broker_->brokers(); }
  [[nodiscard]] HarnessOptions OwnOptions() const {
    HarnessOptions options = Options({topic_});
    options.kafka.group_id = topic_;
    options.kafka.prefetch_bytes = kShare;
    return options;
  }
  // One record in a batch of its own: `bytes` of one character.
  void ProduceBomb(int partition, std::size_t bytes, char character = '.') {
    support::Producer producer(brokers(), {{"compression.type", GetParam()},
                                           {"linger.ms", "0"},
                                           {"message.max.bytes", "400000000"},
                                           {"queue.buffering.max.kbytes", "1000000"}});
    std::string value(bytes, character);
    producer.Produce({.topic = topic_, .partition = partition, .value = value});
    producer.Flush();
  }
  void ProduceTiny(int partition, int count) {
    support::Producer producer(brokers(), {{"compression.type", GetParam()},
                                           {"linger.ms", "2000"},
                                           {"batch.num.messages", "1000000"},
                                           {"batch.size", "100000000"},
                                           {"message.max.bytes", "100000000"},
                                           {"queue.buffering.max.messages", "1000000"}});
    for (int i = 0; i < count; ++i) {
      producer.Produce({.topic = topic_, .partition = partition, .value = ""});
    }
    producer.Flush();
  }
  [[nodiscard]] TopicPartition Source(int partition) const {
    return {topic_, PartitionId{partition}};
  }
  // Partition 0 is stuck at its first record; the other one is read.
  void ExpectOnlyTheBombIsStuck(const PeakMemory& peak) {
    ConsumerHarness harness(OwnOptions(), database_);
    harness.Start();
    ASSERT_TRUE(Eventually([&] { return harness.telemetry.stuck().contains(Source(0)); }));
    const auto stuck = harness.telemetry.stuck().at(Source(0));
    EXPECT_EQ(stuck.reason, StuckReason::kBatchTooLarge);
    EXPECT_EQ(stuck.offset, Offset{0});
    EXPECT_THAT(stuck.why, ::testing::HasSubstr("the batch ends at offset "));
    ExpectEverythingOnce(harness);
    EXPECT_LT(peak.bytes(), kPeakMax);
  }

  const std::string topic_ =
      std::string("t") + std::to_string(std::hash<std::string>{}(
                             ::testing::UnitTest::GetInstance()->current_test_info()->name()));
  static std::unique_ptr<support::KafkaBroker> broker_;
};
std::unique_ptr<support::KafkaBroker> DecompressionTest::broker_;

// The story: a record of 584 KB took 609 MiB at a budget of 512, and one of 118 KB stopped all
// partitions until the process was replaced.
TEST_P(DecompressionTest, ARecordThatWouldBecomeTooLargeStopsItsPartitionOnly) {
  broker_->CreateTopic(topic_, 2);
  ProduceBomb(0, 150 * kMiB);
  Produce(topic_, 2, 10);
  produced_ -= 10;  // behind the bomb
  ExpectOnlyTheBombIsStuck(PeakMemory());
}

TEST_P(DecompressionTest, ABatchOfTooManyRecordsStopsItsPartitionOnly) {
  broker_->CreateTopic(topic_, 2);
  ProduceTiny(0, 400'000);
  Produce(topic_, 2, 10);
  produced_ -= 10;
  ExpectOnlyTheBombIsStuck(PeakMemory());
}

// Each of them is allowed; together they are 20 times what may be held, and one fetch has all.
TEST_P(DecompressionTest, ManyLargeRecordsAreReadOneAfterTheOther) {
  broker_->CreateTopic(topic_, 4);
  for (int i = 0; i < 16; ++i) ProduceBomb(i % 4, 20 * kMiB, static_cast<char>('a' + i));
  produced_ = 16;
  const PeakMemory peak;
  ConsumerHarness harness(OwnOptions(), database_);
  harness.HoldLanes(true);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.pauses == 1; }));
  // The lanes' queues hold a record of 20 MiB each.
  EXPECT_LT(peak.bytes(), kPeakMax + 2 * 20 * kMiB);
  harness.HoldLanes(false);
  ExpectEverythingOnce(harness);
}

INSTANTIATE_TEST_SUITE_P(Each, DecompressionTest,
                         ::testing::Values("gzip", "zstd", "snappy", "lz4"),
                         [](const auto& codec) { return codec.param; });

}  // namespace
}  // namespace usage_ingest::kafka::consumer
