#pragma once
// ComponentOptions: the options of each part, from the configuration. Pure functions, for tests.
#include <cstddef>
#include <string>

#include "daemon/config/config.h"
#include "ingest/kafka/client/kafka_options.h"
#include "ingest/pipeline/lane.h"
#include "ingest/postgres/batch/pg_batch_store.h"

namespace usage_ingest::assembly {

[[nodiscard]] kafka::client::KafkaOptions KafkaOptionsFor(const config::Config& config);
[[nodiscard]] event::DecoderOptions DecoderOptionsFor(const config::Config& config);
[[nodiscard]] pipeline::LaneOptions LaneOptionsFor(const config::Config& config, std::size_t lane);
[[nodiscard]] pipeline::LaneQueue::Limits QueueLimitsFor(const config::Config& config);
// `who` is the part of the application name behind "usage-ingestd/".
[[nodiscard]] postgres::batch::PgBatchStoreOptions StoreOptionsFor(const config::Config& config,
                                                                   const std::string& who);

}  // namespace usage_ingest::assembly
