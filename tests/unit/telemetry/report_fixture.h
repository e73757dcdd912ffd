#pragma once
// What a pipeline would report, for the tests of sinks.
#include <array>
#include <chrono>
#include <vector>

#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::telemetry {

inline const TopicPartition kUsage0{"litellm.usage.v1", PartitionId{0}};
inline const TopicPartition kUsage1{"litellm.usage.v1", PartitionId{1}};

// A batch of both partitions: 10 records of 12 events in the first, 5 of 5 in the second.
struct SampleBatch {
  SampleBatch() {
    committed.partitions = progress;
    committed.phase_time = {std::chrono::milliseconds(4), std::chrono::milliseconds(2),
                            std::chrono::milliseconds(30), std::chrono::milliseconds(8),
                            std::chrono::milliseconds(3)};
    committed.rows = 11;
    committed.bytes = 50'000;
    committed.dead_letters[static_cast<std::size_t>(DeadLetterReason::kUnattributed)] = 2;
    committed.skipped[static_cast<std::size_t>(SkipReason::kInternal)] = 1;
    committed.suspended = 1;
    committed.event_to_commit_ms = latencies;
  }
  std::vector<pipeline::PartitionProgress> progress{{.source = &kUsage0,
                                                     .next_offset = Offset{110},
                                                     .counts = {.records = 10,
                                                                .events = 12,
                                                                .inserted = 8,
                                                                .duplicates = 1,
                                                                .dead_lettered = 2,
                                                                .skipped = 1,
                                                                .gap_records = 0}},
                                                    {.source = &kUsage1,
                                                     .next_offset = Offset{55},
                                                     .counts = {.records = 5,
                                                                .events = 5,
                                                                .inserted = 3,
                                                                .duplicates = 2,
                                                                .dead_lettered = 0,
                                                                .skipped = 0,
                                                                .gap_records = 0}}};
  std::array<std::int32_t, 4> latencies{40, 300, 300, -7};
  pipeline::BatchCommitted committed;
};

}  // namespace usage_ingest::telemetry
