#pragma once
// Batch: what one transaction will write, from the first decoded record to the COMMIT.
//
// It keeps everything that a retry needs: the decoded events, those of their records that a dead
// letter may need (record_keeper.h), and how far each partition moves. A batch is
// filled by the assembler, written by the writer, then cleared and filled again; its buffers stay.
//
// Owner         the lane: the assembler until it is handed over, then the writer.
// Limit         the assembler stops at BatchLimits.
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "ingest/pipeline/record.h"
#include "ingest/pipeline/telemetry.h"
#include "schema/arena.h"
#include "schema/event_counts.h"
#include "schema/usage_event.h"

namespace usage_ingest::pipeline {

// How far one partition moves in this transaction, and what became of its events.
struct PartitionMove {
  const TopicPartition* source = nullptr;
  const TopicId* topic_id = nullptr;  // null: not of a Kafka log
  Epoch epoch;
  Offset expected;                               // what the offsets row must hold now
  LogPosition expected_log = {};                 // and with it
  Offset next_offset;                            // what it will hold
  Offset records_end;                            // behind its last record: a hole may follow
  std::optional<RecordFingerprint> last_record;  // the last before next_offset, if known
  EventCounts outcomes;
};

// In the place of an index into Batch::records: the record was released (record_keeper.h).
inline constexpr std::uint32_t kReleasedRecord = std::numeric_limits<std::uint32_t>::max();

// An event on its way to becoming a row, a duplicate, a skip or a dead letter.
struct BatchEvent {
  enum class State : unsigned char { kPending, kRow, kDeadLetter, kSkipped };
  UsageRow row;
  std::uint32_t record = 0;       // index into Batch::records, or kReleasedRecord
  std::uint32_t event_index = 0;  // within its record
  std::uint32_t partition = 0;    // index into Batch::partitions
  State state = State::kPending;
  bool is_duplicate = false;  // a row that existed before; set at each attempt
};

// What usage_ingest.dead_letters will hold; texts live in the batch's arena.
struct DeadLetter {
  const TopicPartition* source = nullptr;
  const TopicId* topic_id = nullptr;  // with leader_epoch and record_offset: the record's identity
  std::int32_t leader_epoch = kUnknownLeaderEpoch;
  Offset record_offset;
  std::uint32_t event_index = 0;
  // Index into Batch::records; only for callers that release none of them.
  std::uint32_t record = 0;
  DeadLetterReason reason{};
  std::string_view detail;
  std::string_view key_hash;  // these three say which changes may give it an owner
  std::string_view user_id = {};
  std::string_view model_id = {};
  std::string_view event_id;
  EventTimeUs event_time;     // 0 when unknown
  bool counts_quotas = true;  // when a retry makes it a row
  std::string_view payload;

  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(DeadLetter) + detail.size() + key_hash.size() + user_id.size() + model_id.size() +
           event_id.size() + payload.size();
  }
};

// What a batch held before a record was decoded into it, so that the record can be taken back.
struct BatchMark {
  std::size_t events = 0;
  std::size_t dead_letters = 0;
  std::size_t partitions = 0;
  std::size_t bytes = 0;
  std::size_t letter_bytes_max = 0;
  std::optional<PartitionMove> move;  // of the record's partition
  std::array<std::int64_t, kDeadLetterReasonNames.size()> dead_letter_counts{};
  std::array<std::int64_t, kSkipReasonNames.size()> skip_counts{};
};

// What a released record leaves: its time, a second copy of it while the vector grows, and its age
// when the batch is reported (Lane::Report).
inline constexpr std::size_t kReleasedRecordBytes = 3 * sizeof(std::int64_t);

class Batch {
 public:
  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  Arena arena;
  std::vector<Record> records;                // whose bytes are kept
  std::vector<std::int64_t> record_times_ms;  // Record::timestamp_ms, of the released ones too
  std::vector<PartitionMove> partitions;      // all of one epoch
  std::vector<BatchEvent> events;
  std::vector<DeadLetter> dead_letters;  // decided while decoding; attribution adds its own
  std::array<std::int64_t, kDeadLetterReasonNames.size()> dead_letter_counts{};
  std::array<std::int64_t, kSkipReasonNames.size()> skip_counts{};
  std::size_t bytes = 0;  // of the records read
  // Of these: what is released, and the share of a fetch buffer of those whose value was copied.
  std::size_t released_bytes = 0;
  std::size_t kept_bytes = 0;  // of the values of `records` that RecordKeeper has handled
  // What dead letters of the kept records may take: an event whose owner turns out to be unknown
  // needs its bytes twice. A released record has none: its batch is read again first.
  std::size_t letter_bytes_max = 0;
  // All that grows with the batch: the records, and what was decoded from them.
  [[nodiscard]] std::size_t memory_bytes() const {
    return bytes - released_bytes + record_times_ms.size() * kReleasedRecordBytes +
           events.size() * sizeof(BatchEvent) + dead_letters.size() * sizeof(DeadLetter) +
           arena.bytes_used();
  }
  // The same once every event that may become a dead letter is one.
  [[nodiscard]] std::size_t memory_bytes_max() const { return memory_bytes() + letter_bytes_max; }
  std::size_t handled_records = 0;     // of those that are kept, which RecordKeeper has handled
  std::size_t handled_events = 0;      // of all
  std::uint64_t attributed_as_of = 0;  // Attributor's: what its rows' owners were true of
  std::chrono::nanoseconds decode_time{};

  [[nodiscard]] bool empty() const { return partitions.empty(); }
  // What bounds a transaction: many refused elements may come without an event.
  [[nodiscard]] std::size_t elements() const { return events.size() + dead_letters.size(); }
  // Counts a dead letter for its partition and reason.
  void AddDeadLetter(std::uint32_t partition, const DeadLetter& letter);
  void CountSkip(std::uint32_t partition, SkipReason reason);
  [[nodiscard]] BatchMark Mark(const TopicPartition* source) const;
  // Takes the last record back. Its part of the arena stays used until Clear().
  void Restore(const BatchMark& mark);
  void Clear() noexcept;
};

}  // namespace usage_ingest::pipeline
