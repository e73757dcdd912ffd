#include "daemon/assembly/component_options.h"

#include "daemon/config/memory_plan.h"

namespace usage_ingest::assembly {
namespace {

// The queue takes as many records as its bytes allow at 1 KiB each.
constexpr std::size_t kBytesPerQueuedRecord = 1024;

// Of memory_plan.h's fixed part: ids and attribution take about 20 MiB a lane at these sizes.
constexpr std::size_t kRecentIdsPerLane = 1 << 17;
constexpr std::size_t kAttributionsPerLane = 1 << 16;

// A transaction grows while PostgreSQL is busy with the one before, to at most this many times
// rows_max; in bytes, to what the memory plan has for it. With the defaults the bytes are the
// bound, at about 120,000 rows of 700 bytes. `upsert` took 0.30 and 0.26 of the time of `copy` with
// 4, and 0.22 and 0.23 with 16 (`bench/run --only default,ceiling --events 600000 --runs 1`, two
// pairs).
constexpr std::size_t kTransactionRowsFactor = 16;

}  // namespace

kafka::client::KafkaOptions KafkaOptionsFor(const config::Config& config) {
  kafka::client::KafkaOptions options;
  options.brokers = config.kafka.brokers;
  options.topics = config.kafka.topics;
  options.group_id = config.kafka.group_id;
  options.start = config.kafka.start;
  options.properties = config.kafka.properties;
  options.prefetch_bytes = config::PlanMemory(config).prefetch_bytes;
  return options;
}

event::DecoderOptions DecoderOptionsFor(const config::Config& config) {
  return {.metadata_keys = config.events.metadata,
          .record_bytes_max = config.events.record_bytes_max};
}

pipeline::LaneOptions LaneOptionsFor(const config::Config& config, std::size_t lane) {
  pipeline::LaneOptions options;
  options.index = lane;
  options.decoder = DecoderOptionsFor(config);
  options.rows_max = config.batch.rows_max;
  options.bytes_max = config.batch.bytes_max;
  options.transaction_rows_max = config.batch.rows_max * kTransactionRowsFactor;
  options.transaction_bytes_max = config::PlanMemory(config).transaction_bytes;
  options.linger = config.batch.linger;
  options.attribution_entries_max = kAttributionsPerLane;
  options.writer.session.lane = lane;
  options.writer.can_read_less = true;
  options.writer.recent_ids_max = kRecentIdsPerLane;
  return options;
}

pipeline::LaneQueue::Limits QueueLimitsFor(const config::Config& config) {
  const std::size_t bytes = config::PlanMemory(config).lane_queue_bytes;
  return {.records_max = bytes / kBytesPerQueuedRecord, .bytes_max = bytes};
}

postgres::batch::PgBatchStoreOptions StoreOptionsFor(const config::Config& config,
                                                     const std::string& who) {
  postgres::batch::PgBatchStoreOptions options;
  options.conninfo = config.postgres.conninfo;
  options.application_name = "usage-ingestd/" + who;
  options.foreign_keys = config.postgres.foreign_keys;
  options.has_history = config.history.is_kept;
  options.has_quota_periods = config.quotas.has_periods;
  options.warn_at_percent = config.quotas.warn_at_percent;
  options.keeps_spend = config.litemaas.keeps_spend;
  options.keeps_last_used = config.litemaas.keeps_last_used;
  return options;
}

}  // namespace usage_ingest::assembly
