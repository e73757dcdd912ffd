#pragma once
// Record: one Kafka record on its way from the consumer thread to a lane, or a message about the
// partition that must stay in order with its records.
//
// Owner         its holder; move-only. The `release` of Own gives the bytes back to where they came
//               from (rd_kafka_message_destroy in production, nothing in the simulation), so the
//               pipeline needs no Kafka header.
// Units         timestamp_ms is Kafka's record timestamp, milliseconds since the epoch.
// Source        rdkafka.h, rd_kafka_message_t: a message pins the fetch buffer that it lies in.
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "schema/kafka_position.h"
#include "schema/limits.h"

namespace usage_ingest::pipeline {

// Counts the assignments of this process. A record of an older epoch is dropped unread: it will be
// read again by the present owner of the partition.
using Epoch = Strong<struct EpochTag, std::uint64_t>;

class Record {
 public:
  enum class Kind : unsigned char {
    kMessage,
    kStart,  // this process owns the partition from here on; PostgreSQL has `offset` as next_offset
    kGap,    // `gap_records` records before `offset` are gone from Kafka (retention, new topic)
    kHole,   // up to `offset` the log holds no record for us: control records, aborted ones
  };
  using Release = void (*)(void* handle) noexcept;

  // `handle` is not null.
  void Own(void* handle, Release release) noexcept { owner_ = {handle, release}; }
  // The bytes lie in memory of the record's own from here on.
  void CopyBytes() {
    if (value.empty()) return owner_.reset();
    char* const copy = new char[value.size()];
    value.copy(copy, value.size());
    Own(copy, [](void* bytes) noexcept { delete[] static_cast<char*>(bytes); });
    value = {copy, value.size()};
  }
  [[nodiscard]] std::size_t bytes() const noexcept {
    return value.size() + sizeof(Record) + limits::kRecordOverheadBytes;
  }

  const TopicPartition* source = nullptr;
  Epoch epoch;
  Offset offset;
  std::int64_t timestamp_ms = 0;
  std::int64_t gap_records = 0;
  const TopicId* topic_id = nullptr;         // of kStart: which log the records after it come from
  const TopicId* stored_topic_id = nullptr;  // of kStart: what PostgreSQL has with `offset`
  // Of the leader that appended it.
  std::int32_t leader_epoch = kUnknownLeaderEpoch;
  std::uint32_t first_index = 0;  // what its elements are counted from: a retried dead letter's own
  std::optional<RecordFingerprint>
      last_record;  // kStart: what PostgreSQL remembers; kGap: before offset
  std::string_view value;
  Kind kind = Kind::kMessage;
  bool is_import = false;     // a line of a file: has no offset that could identify its event
  bool counts_quotas = true;  // false: of `--no-quota`

 private:
  std::unique_ptr<void, Release> owner_{nullptr, nullptr};
};

// What the offsets row remembers of it.
[[nodiscard]] RecordFingerprint FingerprintOf(const Record& record);

}  // namespace usage_ingest::pipeline
