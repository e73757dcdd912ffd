#pragma once
// ConsumerContractTest: what lanes rely on in the consumer, as cases that run on every one.
//
// FakeConsumer on a FakeKafka (fake_consumer_test.cc) and KafkaConsumer on a real broker
// (tests/integration/kafka/consumer_contract_test.cc) pass it.
//
// Owner         a test program, which instantiates it with its ConsumerWorld.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ingest/pipeline/consumer_inbox.h"
#include "ingest/pipeline/lane_queue.h"

namespace usage_ingest::sim {

// A topic with one partition, a group of up to two members, and the offsets row of the partition.
class ConsumerWorld {
 public:
  struct Member {
    pipeline::ConsumerInbox inbox;
    pipeline::LaneQueue queue{{.records_max = 4096, .bytes_max = std::size_t{8} << 20}, [] {}};
    pipeline::LaneQueue::Consumer lane = queue.MakeConsumer();
    const std::atomic<std::uint64_t>* epoch = nullptr;  // once it is started
  };

  virtual ~ConsumerWorld() = default;
  // Record `number` of the log has ValueOf and TimestampOf it.
  virtual void Produce(int count) = 0;
  virtual void ExpireBelow(Offset low) = 0;  // as retention does
  virtual std::optional<Offset> KafkasOffset() = 0;
  virtual void Store(const StoredOffset& row) = 0;
  virtual void Start(std::size_t member) = 0;
  // False: it did not come true, however long everything went on.
  virtual bool WaitUntil(const std::function<bool()>& is_true) = 0;

  static std::string ValueOf(std::int64_t number) { return "record " + std::to_string(number); }
  static std::int64_t TimestampOf(std::int64_t number) { return 1'768'000'000'000 + number; }

  std::vector<std::unique_ptr<Member>> members;
};
using MakeConsumerWorld = std::unique_ptr<ConsumerWorld> (*)();

class ConsumerContractTest : public ::testing::TestWithParam<MakeConsumerWorld> {
 protected:
  // A record, or a word about the partition, as the lane got it.
  struct Heard {
    pipeline::Record::Kind kind{};
    pipeline::Epoch epoch;
    Offset offset;
    std::int64_t gap_records = 0;
  };

  void SetUp() override { world_ = GetParam()(); }
  void Listen();
  // "start 3, gap 4 to 7, 7, 8": what a lane that drops stale records has of the present epoch.
  std::string Said(std::size_t member);
  [[nodiscard]] pipeline::Epoch EpochOf(std::size_t member) const;
  void ExpectToHear(std::size_t member, const std::string& said);
  // The lane's report.
  void Report(std::size_t member, Offset next);

  std::unique_ptr<ConsumerWorld> world_;
  std::vector<std::vector<Heard>> heard_;
  const TopicPartition* source_ = nullptr;
};

}  // namespace usage_ingest::sim
