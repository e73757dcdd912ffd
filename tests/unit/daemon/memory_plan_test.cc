#include "daemon/memory_plan.h"

#include <gtest/gtest.h>

namespace usage_ingest::daemon {
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
        EXPECT_LE(kFixedBytes + plan.batches_bytes + plan.lane_queue_bytes * writers +
                      plan.prefetch_bytes,
                  shape.budget_bytes);
        EXPECT_GE(plan.lane_queue_bytes, shape.record_bytes_max);
        EXPECT_GE(plan.prefetch_bytes, shape.record_bytes_max);
      }
    }
  }
}

TEST(MemoryPlanTest, ASmallerBudgetThanNeededIsABug) {
  MemoryShape shape{
      .budget_bytes = 0, .writers = 2, .batch_bytes_max = 32 * kMiB, .record_bytes_max = 8 * kMiB};
  shape.budget_bytes = BudgetNeeded(shape) - 1;
  EXPECT_DEATH(static_cast<void>(PlanMemory(shape)), "bug");
}

}  // namespace
}  // namespace usage_ingest::daemon
