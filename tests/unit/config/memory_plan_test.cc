#include "daemon/config/memory_plan.h"

#include <gtest/gtest.h>

namespace usage_ingest::config {
namespace {

constexpr std::size_t kMiB = 1 << 20;

Config WithSizes(std::size_t writers, std::size_t batch_bytes_max, std::size_t record_bytes_max) {
  Config config;
  config.postgres.writers = writers;
  config.batch.bytes_max = batch_bytes_max;
  config.events.record_bytes_max = record_bytes_max;
  return config;
}

TEST(MemoryPlanTest, SharesNeverPassTheBudget) {
  for (std::size_t writers = 1; writers <= 64; ++writers) {
    for (const std::size_t batch : {kMiB, 32 * kMiB, 200 * kMiB + 1}) {
      Config config = WithSizes(writers, batch, kMiB);
      for (const std::size_t extra : {std::size_t{0}, kMiB, 999 * kMiB + 7}) {
        config.memory_budget_bytes = BudgetNeeded(config) + extra;
        const MemoryPlan plan = PlanMemory(config);
        EXPECT_LE(kFixedBytes + 2 * writers * plan.transaction_bytes +
                      plan.lane_queue_bytes * writers + plan.prefetch_bytes,
                  config.memory_budget_bytes);
        EXPECT_GE(plan.transaction_bytes, batch);
        EXPECT_GE(plan.lane_queue_bytes, kMiB);
        EXPECT_GE(plan.prefetch_bytes, kMiB);
      }
    }
  }
}

// What the flow has no use for makes transactions larger.
TEST(MemoryPlanTest, ALargerBudgetIsForTransactions) {
  Config config = WithSizes(2, 32 * kMiB, 8 * kMiB);
  config.memory_budget_bytes = 512 * kMiB;
  const MemoryPlan plan = PlanMemory(config);
  EXPECT_EQ(plan.transaction_bytes, 80 * kMiB);
  config.memory_budget_bytes *= 2;
  EXPECT_EQ(PlanMemory(config).lane_queue_bytes, plan.lane_queue_bytes);
  EXPECT_EQ(PlanMemory(config).transaction_bytes, plan.transaction_bytes + 128 * kMiB);
}

TEST(MemoryPlanTest, ASmallerBudgetThanNeededIsABug) {
  Config config = WithSizes(2, 32 * kMiB, 8 * kMiB);
  config.memory_budget_bytes = BudgetNeeded(config) - 1;
  EXPECT_DEATH(static_cast<void>(PlanMemory(config)), "bug");
}

}  // namespace
}  // namespace usage_ingest::config
