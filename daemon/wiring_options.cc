#include "daemon/wiring_options.h"

namespace usage_ingest::daemon {
namespace {

// Records are small beside their values; this many of them is what the bytes allow at 1 KiB each.
constexpr std::size_t kBytesPerQueuedRecord = 1024;

// Of memory_plan.h's fixed part: ids and attribution take about 20 MiB a lane at these sizes.
constexpr std::size_t kRecentIdsPerLane = 1 << 17;
constexpr std::size_t kAttributionsPerLane = 1 << 16;

// A transaction grows while PostgreSQL is busy with the one before, to at most so many rows_max; in
// bytes, to what the memory plan has for it.
constexpr std::size_t kTransactionRowsFactor = 4;

ingest::ForeignKeys ForeignKeysOf(ForeignKeys choice) {
  switch (choice) {
    case ForeignKeys::kAuto:
      return ingest::ForeignKeys::kAuto;
    case ForeignKeys::kBatch:
      return ingest::ForeignKeys::kBatch;
    case ForeignKeys::kConstraints:
      break;
  }
  return ingest::ForeignKeys::kConstraints;
}

}  // namespace

MemoryPlan MemoryPlanFor(const Config& config) {
  return PlanMemory({.budget_bytes = config.memory_budget_bytes,
                     .writers = config.postgres.writers,
                     .batch_bytes_max = config.batch.bytes_max,
                     .record_bytes_max = config.events.record_bytes_max});
}

ingest::KafkaOptions KafkaOptionsFor(const Config& config) {
  ingest::KafkaOptions options;
  options.brokers = config.kafka.brokers;
  options.topics = config.kafka.topics;
  options.group_id = config.kafka.group_id;
  options.start = config.kafka.start == StartAt::kLatest ? ingest::StartFrom::kLatest
                                                         : ingest::StartFrom::kEarliest;
  options.properties = config.kafka.properties;
  options.prefetch_bytes = MemoryPlanFor(config).prefetch_bytes;
  return options;
}

ingest::DecoderOptions DecoderOptionsFor(const Config& config) {
  return {.metadata_keys = config.events.metadata,
          .record_bytes_max = config.events.record_bytes_max};
}

ingest::LaneOptions LaneOptionsFor(const Config& config, std::size_t lane) {
  ingest::LaneOptions options;
  options.index = lane;
  options.decoder = DecoderOptionsFor(config);
  options.rows_max = config.batch.rows_max;
  options.bytes_max = config.batch.bytes_max;
  options.transaction_rows_max = config.batch.rows_max * kTransactionRowsFactor;
  options.transaction_bytes_max = MemoryPlanFor(config).transaction_bytes;
  options.linger = config.batch.linger;
  options.attribution_entries_max = kAttributionsPerLane;
  options.lets_records_go = true;
  options.writer.lane = lane;
  options.writer.recent_ids_max = kRecentIdsPerLane;
  return options;
}

ingest::LaneQueue::Limits QueueLimitsFor(const Config& config) {
  const std::size_t bytes = MemoryPlanFor(config).lane_queue_bytes;
  return {.records_max = bytes / kBytesPerQueuedRecord, .bytes_max = bytes};
}

ingest::PgBatchStoreOptions StoreOptionsFor(const Config& config, const std::string& who) {
  ingest::PgBatchStoreOptions options;
  options.conninfo = config.postgres.conninfo;
  options.application_name = "usage-ingestd/" + who;
  options.foreign_keys = ForeignKeysOf(config.postgres.foreign_keys);
  return options;
}

}  // namespace usage_ingest::daemon
