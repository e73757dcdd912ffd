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

// The id that Kafka gives a topic when it is created, as Kafka's tools print it. A topic that is
// deleted and created again has another id, and so has a topic of the same name on another cluster.
// Empty when it is unknown: brokers before Kafka 2.8 have none.
using TopicId = std::string;

// Of a record in an old message format, or from a broker that has no leader epochs.
inline constexpr std::int32_t kUnknownLeaderEpoch = -1;

// What the offsets row remembers of the last record before next_offset, to tell the log that was
// read from one that differs there. Within one topic id, a record's offset and leader epoch
// determine all records before it: each leader epoch has one leader.
struct RecordFingerprint {
  std::int64_t timestamp_ms = 0;
  std::int64_t value_hash = 0;  // XXH3-64 of the value's bytes, as a signed number
  std::int32_t leader_epoch = kUnknownLeaderEpoch;

  // An epoch that is unknown does not count.
  [[nodiscard]] bool Matches(const RecordFingerprint& other) const {
    const bool has_epochs =
        leader_epoch != kUnknownLeaderEpoch && other.leader_epoch != kUnknownLeaderEpoch;
    return timestamp_ms == other.timestamp_ms && value_hash == other.value_hash &&
           (!has_epochs || leader_epoch == other.leader_epoch);
  }
  friend bool operator==(const RecordFingerprint&, const RecordFingerprint&) = default;
};

[[nodiscard]] inline std::int32_t LeaderEpochOf(const std::optional<RecordFingerprint>& record) {
  return record ? record->leader_epoch : kUnknownLeaderEpoch;
}

// Which log, and which leader appended the record before the offset: with the offset, this tells a
// position from one in another log. Ids are interned like TopicPartition.
struct LogPosition {
  const TopicId* topic_id = nullptr;  // null: not of a Kafka log
  std::int32_t leader_epoch = kUnknownLeaderEpoch;
};

// A row of usage_ingest.kafka_offsets, as far as reading on needs it.
struct StoredOffset {
  Offset next_offset;
  std::optional<RecordFingerprint> last_record;
  TopicId topic_id = {};  // of the log that next_offset is about
};

}  // namespace usage_ingest
