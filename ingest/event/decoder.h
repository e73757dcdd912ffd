#pragma once
// Decoder: from the bytes of one Kafka record (or one imported element) to UsageEvents.
//
// The only place that knows how LiteLLM writes its events: StandardLoggingPayload objects, arrays
// and NDJSON of them, SpendLogs rows, and every sloppiness that docs/events.md lists. It judges in
// the contract's order: parse, skip, fields, time; attribution comes later and elsewhere.
//
// Owner         one lane; keeps its parser and scratch buffers between records.
// Thread-safety none.
// Shape         results go to an EventSink in element order; views live in the caller's Arena.
// Limit         memory is linear in the record (an index of at most 4 bytes for each of its bytes,
// at
//               most record_bytes_max of them); steady state allocates nothing.
// Errors        none: whatever the bytes are, each element is an event, a skip or a rejection.
// Source        docs/events.md; field facts: tests/data/litellm/FACTS.md.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "schema/arena.h"
#include "schema/kafka_position.h"
#include "schema/limits.h"
#include "schema/reasons.h"
#include "schema/usage_event.h"

namespace usage_ingest::event {

struct DecoderOptions {
  // Keys of the metadata column, in this order; names outside the closed list are refused by
  // config.
  std::vector<std::string> metadata_keys;
  std::size_t record_bytes_max = limits::kRecordBytesMax;
};
// The closed list of docs/events.md, in its order.
[[nodiscard]] const std::vector<std::string>& AllMetadataKeys();

// Where the bytes come from: the last resort for an event's identity.
struct RecordOrigin {
  const TopicPartition* source = nullptr;
  Offset offset;
  EventTimeUs now;         // the clock, read once a batch: bounds of startTime
  bool is_import = false;  // identity falls back to a hash of the element's bytes instead
  // What `index` begins with: a retried dead letter is element event_index of its record, alone.
  std::uint32_t first_index = 0;
};

// Why an element is no row. Views live in the arena.
struct Rejection {
  DeadLetterReason reason;
  std::string_view detail;    // what was wrong, where: for a person; never a prompt, answer or key
  std::string_view key_hash;  // 64 hex or empty
  std::string_view event_id;  // LiteLLM's id, if it could be read
  EventTimeUs event_time;     // 0 when unknown
};

class EventSink {
 public:
  virtual ~EventSink() = default;
  // `index` counts every element or line of the record, nulls too.
  virtual void OnEvent(std::uint32_t index, const UsageEvent& event) = 0;
  virtual void OnSkip(std::uint32_t index, SkipReason reason) = 0;
  virtual void OnReject(std::uint32_t index, const Rejection& rejection) = 0;
};

class Decoder {
 public:
  explicit Decoder(DecoderOptions options);
  ~Decoder();
  Decoder(Decoder&&) noexcept;

  // A tombstone is a value of no bytes, or only blanks; pass an empty view for a null value.
  void Decode(const RecordOrigin& origin, std::string_view value, Arena& arena, EventSink& sink);

  // What a dead letter keeps of element `index`: the event without messages, response and
  // model_map_information and with a raw credential blanked out; bytes that do not parse as they
  // came, cut at kDeadLetterPayloadBytesMax. A record that is too large is stripped likewise, which
  // can make it small enough for a retry. Slow path; allocates; may be called inside OnReject. All
  // elements of a record together cost what the record does, as long as nothing else is decoded.
  // REQUIRES: `index` as Decode gave it when first_index is 0.
  [[nodiscard]] std::string DeadLetterPayload(std::string_view value, std::uint32_t index);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The deterministic row id (docs/events.md has the byte layout; tests/golden freezes it).
[[nodiscard]] Uuid MakeRowId(std::string_view id, EventTimeUs start, std::string_view status,
                             std::string_view key_hash);

}  // namespace usage_ingest::event
