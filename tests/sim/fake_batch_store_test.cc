// The simulation's PostgreSQL keeps the contract that the real one keeps.
#include "tests/sim/fake_batch_store.h"

#include <gtest/gtest.h>

#include <atomic>

#include "tests/sim/batch_store_contract.h"
#include "tests/sim/event_factory.h"
#include "tests/sim/virtual_clock.h"

namespace usage_ingest::sim {
namespace {

class FakeWorld final : public StoreWorld {
 public:
  FakeWorld() {
    Tables& tables = database_.tables();
    tables.api_keys[KeyHash(0)] = {.id = TeamId(9), .user_id = UserId(0), .team_id = {}};
    Subscription& subscription = tables.subscriptions[kSubscription];
    subscription.user_id = UserId(0);
    subscription.model = "model-a";
    subscription.quota_requests = kQuota;
    tables.offsets[PartitionId{0}] = {};
  }

  std::unique_ptr<pipeline::BatchStore> MakeStore(std::size_t) override {
    return std::make_unique<FakeBatchStore>(
        StoreDependencies{database_, faults_, PlantedBug::kNone, epoch_,
                          [](const std::string& what) { ADD_FAILURE() << what; }},
        pipeline::Runtime{context.get_executor(), clock_});
  }
  void Step() override {
    context.restart();
    if (context.poll_one() != 0) return;
    now_ = clock_.NextDeadline().value_or(now_);
    clock_.FireDue();
  }

  std::string key_hash() override { return KeyHash(0); }
  std::int64_t RowCount() override { return std::ssize(database_.tables().rows); }
  std::int64_t NextOffset() override { return row().stored.next_offset.value; }
  std::int64_t CountedEvents() override { return row().outcomes.events; }
  std::int64_t SummaryRequests() override {
    std::int64_t requests = 0;
    for (const auto& [key, totals] : database_.tables().summaries) {
      if (key.period_type == aggregate::PeriodType::kHour) requests += totals.requests;
    }
    return requests;
  }
  std::int64_t HistoryRequests() override {
    std::int64_t requests = 0;
    for (const auto& [key, totals] : database_.tables().history) requests += totals.totals.requests;
    return requests;
  }
  std::int64_t UsedRequests() override {
    return database_.tables().subscriptions.at(kSubscription).used_requests;
  }
  std::int64_t DeadLetterCount() override { return std::ssize(database_.tables().dead_letters); }
  bool TryDeleteSubscription() override { return database_.TryDeleteSubscription(kSubscription); }
  void EndSessions() override { database_.CloseAll(); }

 private:
  static inline const Uuid kSubscription = UserId(77);
  OffsetsRow& row() { return database_.tables().offsets.at(PartitionId{0}); }

  TimePoint now_;
  VirtualClock clock_{now_};
  Random random_{1};
  Faults faults_{random_};
  std::atomic<std::uint64_t> epoch_{0};
  FakeDatabase database_{[](const std::string& what) { ADD_FAILURE() << what; }};
};

INSTANTIATE_TEST_SUITE_P(Fake, BatchStoreContractTest, ::testing::Values(MakeStoreWorld([] {
                           return std::unique_ptr<StoreWorld>(std::make_unique<FakeWorld>());
                         })));

}  // namespace
}  // namespace usage_ingest::sim
