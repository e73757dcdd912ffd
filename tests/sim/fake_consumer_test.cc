// The simulation's consumer keeps the contract that the real one keeps.
#include "tests/sim/fake_consumer.h"

#include <gtest/gtest.h>

#include "tests/sim/consumer_contract.h"

namespace usage_ingest::sim {
namespace {

class FakeWorld final : public ConsumerWorld {
 public:
  // Records in the members' queues refer to held_bytes_.
  ~FakeWorld() override {
    consumers_.clear();
    members.clear();
  }
  void Produce(int count) override {
    for (; count > 0; --count, ++produced_) {
      ProducedRecord record;
      record.value = ValueOf(produced_);
      log().Append(std::move(record), TimestampOf(produced_), 0);
    }
  }
  void ExpireBelow(Offset low) override { log().Expire(low); }
  std::optional<Offset> KafkasOffset() override {
    const auto& committed = kafka_.group.committed();
    const auto found = committed.find(kPartition);
    return found == committed.end() ? std::nullopt : std::optional(found->second);
  }
  void Store(const StoredOffset& row) override {
    database_.tables().offsets[kPartition].stored = row;
  }
  void Start(std::size_t number) override {
    Member& member = *members.emplace_back(std::make_unique<Member>());
    ASSERT_EQ(members.size(), number + 1);
    ConsumerDependencies dependencies{number,       kafka_, database_,  faults_, PlantedBug::kNone,
                                      member.inbox, {},     held_bytes_};
    dependencies.lanes.push_back(member.queue.MakeProducer());
    consumers_.push_back(std::make_unique<FakeConsumer>(std::move(dependencies)));
    member.epoch = &consumers_.back()->current_epoch();
    kafka_.group.Join(number);
  }
  bool WaitUntil(const std::function<bool()>& is_true) override {
    for (int turns = 0; turns < 20'000; ++turns) {
      if (is_true()) return true;
      for (const auto& consumer : consumers_) consumer->Turn(now_);
      now_ += std::chrono::milliseconds(10);
    }
    return false;
  }

 private:
  static constexpr PartitionId kPartition{0};
  FakeLog& log() { return kafka_.log(kPartition); }

  pipeline::TimePoint now_;
  Random random_{1};
  Faults faults_{random_};
  FakeKafka kafka_{1, random_};
  std::vector<std::size_t> held_bytes_ = {0};
  FakeDatabase database_{[](const std::string& what) { ADD_FAILURE() << what; }};
  std::int64_t produced_ = 0;
  std::vector<std::unique_ptr<FakeConsumer>> consumers_;
};

INSTANTIATE_TEST_SUITE_P(Fake, ConsumerContractTest, ::testing::Values(MakeConsumerWorld([] {
                           return std::unique_ptr<ConsumerWorld>(std::make_unique<FakeWorld>());
                         })));

}  // namespace
}  // namespace usage_ingest::sim
