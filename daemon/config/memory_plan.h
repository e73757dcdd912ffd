#pragma once
// MemoryPlan: the parts of memory.budget (INV-6).
//
// The budget is one number for an operator; the queue between the threads, librdkafka's prefetch
// and the batches in flight each get a part that is enforced where it is used, so their sum cannot
// pass it whatever the load.
//
// Units         bytes.
// Source        the shares were measured: ARCHITECTURE.md, "Cost sketch".
#include <cstddef>

#include "daemon/config/config.h"

namespace usage_ingest::config {

// Code, allocator, attribution cache, recent ids, tables of shared texts, metrics: what does not
// grow with the load.
inline constexpr std::size_t kFixedBytes = std::size_t{64} << 20;
// Each lane gets at least this multiple of batch.bytes_max: for the transaction that PostgreSQL
// works on and the batch that is being decoded. Each may grow to one and a half batch.bytes_max.
inline constexpr std::size_t kBatchCopies = 3;
// With less than this for queues and prefetch, the lanes wait for records.
inline constexpr std::size_t kFlowBytesMin = std::size_t{32} << 20;
// Enough to keep the lanes busy. What is above this goes to transactions: larger ones update each
// summary less often.
inline constexpr std::size_t kFlowBytesEnough = std::size_t{128} << 20;
// Below this for one transaction, more writers cost more than they gain: 16 writers wrote 12 % less
// than 8 with 53 MiB for each, and 5 % less with 117 MiB (docs/scaling.md).
inline constexpr std::size_t kTransactionBytesEnough = std::size_t{64} << 20;

struct MemoryPlan {
  std::size_t transaction_bytes = 0;  // of one; each lane has two, one written, one being decoded
  std::size_t lane_queue_bytes = 0;   // of one lane
  std::size_t prefetch_bytes = 0;     // librdkafka, decompressed
};

// The smallest memory.budget for the writers, batches and records of `config`.
[[nodiscard]] std::size_t BudgetNeeded(const Config& config);
// The smallest that leaves each transaction kTransactionBytesEnough.
[[nodiscard]] std::size_t BudgetEnough(const Config& config);
// REQUIRES: memory.budget is at least BudgetNeeded(config), which CheckRelations checks.
[[nodiscard]] MemoryPlan PlanMemory(const Config& config);

}  // namespace usage_ingest::config
