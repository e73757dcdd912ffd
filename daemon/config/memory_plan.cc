#include "daemon/config/memory_plan.h"

#include <algorithm>

#include "schema/check.h"

namespace usage_ingest::config {
namespace {

std::size_t BatchesBytes(const MemoryShape& shape) {
  return kBatchCopies * shape.writers * shape.batch_bytes_max;
}

// Prefetch must be able to hold a record of the largest size, and a queue too.
std::size_t FlowBytesNeeded(const MemoryShape& shape) {
  return std::max(kFlowBytesMin, 2 * (shape.writers + 1) * shape.record_bytes_max);
}

}  // namespace

std::size_t BudgetNeeded(const MemoryShape& shape) {
  return kFixedBytes + BatchesBytes(shape) + FlowBytesNeeded(shape);
}

std::size_t BudgetEnough(const MemoryShape& shape) {
  const std::size_t flow = std::max(kFlowBytesEnough, FlowBytesNeeded(shape));
  return kFixedBytes + flow + (2 * shape.writers * kTransactionBytesEnough);
}

MemoryPlan PlanMemory(const MemoryShape& shape) {
  USAGE_INGEST_CHECK(shape.budget_bytes >= BudgetNeeded(shape));
  const std::size_t left = shape.budget_bytes - kFixedBytes;
  const std::size_t flow =
      std::min(left - BatchesBytes(shape), std::max(kFlowBytesEnough, FlowBytesNeeded(shape)));
  return {.transaction_bytes = (left - flow) / 2 / shape.writers,
          .lane_queue_bytes = flow / 2 / shape.writers,
          .prefetch_bytes = flow / 2};
}

}  // namespace usage_ingest::config
