// The part of the contract that is about quotas and the history.
#include <gmock/gmock.h>

#include "aggregate/rollup.h"
#include "tests/sim/batch_store_contract.h"

namespace usage_ingest::sim {
namespace {

using ::testing::ElementsAre;

TEST_P(BatchStoreContractTest, ASuspensionIsReportedOnce) {
  constexpr int kUses = StoreWorld::kQuota + 2;
  std::vector<std::int64_t> told;
  for (int number = 0; number < kUses; ++number) {
    const auto batch = MakeBatch(number, {{.number = number}});
    ASSERT_TRUE(Write(*store_, *batch, Until::kRows));
    aggregate::Rollup rollup;
    rollup.Add(batch->events.front().row);
    const Result<pipeline::QuotaChanges> changes = Await(store_->AddSums(rollup.Take()));
    ASSERT_TRUE(changes) << changes.error().context;
    ASSERT_TRUE(Await(store_->RecordOutcomes(*batch)));
    told.push_back(changes->suspended);
    ASSERT_TRUE(Await(store_->Commit()));
  }
  EXPECT_THAT(told, ElementsAre(0, 0, 0, 1, 0));
  EXPECT_EQ(world_->UsedRequests(), kUses);
}

TEST_P(BatchStoreContractTest, TheHistoryStaysWhenItsSubscriptionIsDeleted) {
  ASSERT_TRUE(Write(*store_, *MakeBatch(0, {{.number = 1}, {.number = 2}})));
  ASSERT_TRUE(world_->TryDeleteSubscription());
  EXPECT_EQ(world_->RowCount(), 0);
  EXPECT_EQ(world_->SummaryRequests(), 0);
  EXPECT_EQ(world_->HistoryRequests(), 2);
}

}  // namespace
}  // namespace usage_ingest::sim
