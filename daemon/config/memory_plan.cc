#include "daemon/config/memory_plan.h"

#include <algorithm>

#include "schema/check.h"

namespace usage_ingest::config {
namespace {

std::size_t BatchesBytes(const Config& config) {
  return kBatchCopies * config.postgres.writers * config.batch.bytes_max;
}

// Prefetch must be able to hold a record of the largest size, and a queue too.
std::size_t FlowBytesNeeded(const Config& config) {
  return std::max(kFlowBytesMin,
                  2 * (config.postgres.writers + 1) * config.events.record_bytes_max);
}

}  // namespace

std::size_t BudgetNeeded(const Config& config) {
  return kFixedBytes + BatchesBytes(config) + FlowBytesNeeded(config);
}

std::size_t BudgetEnough(const Config& config) {
  const std::size_t flow = std::max(kFlowBytesEnough, FlowBytesNeeded(config));
  return kFixedBytes + flow + (2 * config.postgres.writers * kTransactionBytesEnough);
}

MemoryPlan PlanMemory(const Config& config) {
  USAGE_INGEST_CHECK(config.memory_budget_bytes >= BudgetNeeded(config));
  const std::size_t left = config.memory_budget_bytes - kFixedBytes;
  const std::size_t flow =
      std::min(left - BatchesBytes(config), std::max(kFlowBytesEnough, FlowBytesNeeded(config)));
  return {.transaction_bytes = (left - flow) / 2 / config.postgres.writers,
          .lane_queue_bytes = flow / 2 / config.postgres.writers,
          .prefetch_bytes = flow / 2};
}

}  // namespace usage_ingest::config
