// KafkaConsumer on a real broker keeps the contract that the simulation's fake keeps.
#include "tests/sim/consumer_contract.h"

#include <stdexcept>
#include <thread>

#include "ingest/kafka/consumer/consumer.h"
#include "schema/mutex.h"
#include "tests/integration/kafka/consumer_harness.h"
#include "tests/support/kafka/kafka_broker.h"
#include "tests/support/kafka/producer.h"
#include "tests/support/wait.h"

namespace usage_ingest::kafka::consumer {
namespace {

constexpr char kTopic[] = "t";
constexpr char kGroup[] = "g";

class BrokerWorld final : public sim::ConsumerWorld {
 public:
  BrokerWorld() { broker_.CreateTopic(kTopic, 1); }
  // The order that consumer.h asks for: threads, then queues with their records, then clients.
  ~BrokerWorld() override {
    threads_.clear();
    members.clear();
    consumers_.clear();
  }

  void Produce(int count) override {
    support::Producer producer(broker_.brokers());
    for (; count > 0; --count, ++produced_) {
      const std::string value = ValueOf(produced_);
      producer.Produce({.topic = kTopic,
                        .partition = 0,
                        .value = value,
                        .timestamp_ms = TimestampOf(produced_)});
    }
    producer.Flush();
  }
  void ExpireBelow(Offset low) override {
    broker_.admin().DeleteRecordsBelow(kTopic, 0, low.value);
  }
  std::optional<Offset> KafkasOffset() override {
    const auto committed = broker_.admin().Committed(kGroup, kTopic, 0);
    return committed ? std::optional(Offset{*committed}) : std::nullopt;
  }
  void Store(const StoredOffset& row) override {
    const MutexLock lock(mutex_);
    stored_ = row;
  }
  void Start(std::size_t number) override {
    Member& member = *members.emplace_back(std::make_unique<Member>());
    ASSERT_EQ(members.size(), number + 1);
    client::KafkaOptions options;
    options.brokers = broker_.brokers();
    options.topics = {kTopic};
    options.group_id = kGroup;
    options.position_check_interval = std::chrono::milliseconds(100);
    KafkaConsumer::Dependencies dependencies{
        {},
        member.inbox,
        [this, &member](const pipeline::PositionsRequest& request) {
          const MutexLock lock(mutex_);
          const std::size_t count = request.partitions.size();
          member.inbox.Push(pipeline::PositionsFound{request.epoch, std::vector(count, stored_)});
        },
        telemetry_};
    dependencies.lanes.push_back(member.queue.MakeProducer());
    auto made = KafkaConsumer::Make(std::move(options), std::move(dependencies));
    if (!made) throw std::runtime_error(made.error().context);
    KafkaConsumer& consumer = *consumers_.emplace_back(std::move(*made));
    member.epoch = &consumer.current_epoch();
    threads_.emplace_back([&consumer](const std::stop_token& stop) {
      const Result<> ended = consumer.Run(stop);
      EXPECT_TRUE(ended) << ended.error().context;
    });
  }
  bool WaitUntil(const std::function<bool()>& is_true) override {
    return support::WaitUntil(support::After(std::chrono::seconds(60)), is_true);
  }

 private:
  support::KafkaBroker broker_;
  RecordingSink telemetry_;
  Mutex mutex_;
  StoredOffset stored_ GUARDED_BY(mutex_);
  std::int64_t produced_ = 0;
  std::vector<std::unique_ptr<KafkaConsumer>> consumers_;
  std::vector<std::jthread> threads_;
};

}  // namespace
}  // namespace usage_ingest::kafka::consumer

namespace usage_ingest::sim {
namespace {

INSTANTIATE_TEST_SUITE_P(Broker, ConsumerContractTest, ::testing::Values(MakeConsumerWorld([] {
                           return std::unique_ptr<ConsumerWorld>(
                               std::make_unique<kafka::consumer::BrokerWorld>());
                         })));

}  // namespace
}  // namespace usage_ingest::sim
