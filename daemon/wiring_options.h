#pragma once
// From the configuration to what each part is told. Pure, so that a test can hold it.
#include <cstddef>
#include <string>

#include "daemon/config.h"
#include "daemon/memory_plan.h"
#include "ingest/kafka/kafka_options.h"
#include "ingest/pipeline/lane.h"
#include "ingest/postgres/pg_batch_store.h"

namespace usage_ingest::daemon {

[[nodiscard]] MemoryPlan MemoryPlanFor(const Config& config);
[[nodiscard]] ingest::KafkaOptions KafkaOptionsFor(const Config& config);
[[nodiscard]] ingest::DecoderOptions DecoderOptionsFor(const Config& config);
[[nodiscard]] ingest::LaneOptions LaneOptionsFor(const Config& config, std::size_t lane);
[[nodiscard]] ingest::LaneQueue::Limits QueueLimitsFor(const Config& config);
// `who` is the part of the application name behind "usage-ingestd/".
[[nodiscard]] ingest::PgBatchStoreOptions StoreOptionsFor(const Config& config,
                                                          const std::string& who);

}  // namespace usage_ingest::daemon
