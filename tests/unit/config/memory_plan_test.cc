#include "daemon/config/memory_plan.h"

#include <gtest/gtest.h>

namespace usage_ingest::config {
namespace {

constexpr std::size_t kMiB = 1 << 20;

TEST(MemoryPlanTest, SharesNeverPassTheBudget) {
  for (std::size_t writers = 1; writers <= 64; ++writers) {
    for (const std::size_t batch : {kMiB, 32 * kMiB, 200 * kMiB + 1}) {
      MemoryShape shape{.budget_bytes = 0,
                        .writers = writers,
                        .batch_bytes_max = batch,
                        .record_bytes_max = kMiB};
      for (const std::size_t extra : {std::size_t{0}, kMiB, 999 * kMiB + 7}) {
        shape.budget_bytes = BudgetNeeded(shape) + extra;
        const MemoryPlan plan = PlanMemory(shape);
        EXPECT_LE(kFixedBytes + 2 * writers * plan.transaction_bytes +
                      plan.lane_queue_bytes * writers + plan.prefetch_bytes,
                  shape.budget_bytes);
        EXPECT_GE(plan.transaction_bytes, shape.batch_bytes_max);
        EXPECT_GE(plan.lane_queue_bytes, shape.record_bytes_max);
        EXPECT_GE(plan.prefetch_bytes, shape.record_bytes_max);
      }
    }
  }
}

// What the flow has no use for makes transactions larger.
TEST(MemoryPlanTest, ALargerBudgetIsForTransactions) {
  MemoryShape shape{.budget_bytes = 512 * kMiB,
                    .writers = 2,
                    .batch_bytes_max = 32 * kMiB,
                    .record_bytes_max = 8 * kMiB};
  const MemoryPlan plan = PlanMemory(shape);
  EXPECT_EQ(plan.transaction_bytes, 80 * kMiB);
  shape.budget_bytes *= 2;
  EXPECT_EQ(PlanMemory(shape).lane_queue_bytes, plan.lane_queue_bytes);
  EXPECT_EQ(PlanMemory(shape).transaction_bytes, plan.transaction_bytes + 128 * kMiB);
}

TEST(MemoryPlanTest, ASmallerBudgetThanNeededIsABug) {
  MemoryShape shape{
      .budget_bytes = 0, .writers = 2, .batch_bytes_max = 32 * kMiB, .record_bytes_max = 8 * kMiB};
  shape.budget_bytes = BudgetNeeded(shape) - 1;
  EXPECT_DEATH(static_cast<void>(PlanMemory(shape)), "bug");
}

}  // namespace
}  // namespace usage_ingest::config
