#pragma once
// Where a record stands in Kafka, and how far the database is.
#include <cstdint>
#include <optional>
#include <string>

#include "schema/strong.h"

namespace usage_ingest {

// Interned by the consumer: one object for each partition ever assigned, alive until the process
// ends, so the pipeline passes `const TopicPartition*` and compares pointers.
struct TopicPartition {
  std::string topic;
  PartitionId partition;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// What the offsets row remembers of record next_offset - 1, to tell a recreated topic from the one
// that was read before (librdkafka tells no topic id with a record).
struct RecordFingerprint {
  std::int64_t timestamp_ms = 0;
  std::int64_t value_hash = 0;  // XXH3-64 of the value's bytes, as a signed number
  friend bool operator==(const RecordFingerprint&, const RecordFingerprint&) = default;
};

// A row of usage_ingest.kafka_offsets, as far as reading on needs it.
struct StoredOffset {
  Offset next_offset;
  std::optional<RecordFingerprint> last_record;
};

}  // namespace usage_ingest
