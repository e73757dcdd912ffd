#pragma once
// Decoder: from the bytes of one Kafka record (or one imported element) to UsageEvents.
//
// The only place that knows how LiteLLM writes its events: StandardLoggingPayload objects, arrays
// and NDJSON of them, SpendLogs rows, and every deviation that docs/events.md lists. It checks in
// the order of docs/events.md: parse, skip, fields, time. Attribution is done by ingest/pipeline.
//
// Owner         one lane; keeps its parser and scratch buffers between records.
// Thread-safety none.
// Shape         results go to an EventSink in element order; views live in the caller's Arena.
// Limit         memory is linear in the record: an index of 5 bytes for each of its bytes. A record
//               has at most record_bytes_max bytes. The steady state allocates nothing.
// Errors        none: whatever the bytes are, each element is an event, a skip or a rejection.
// Source        docs/events.md; field facts: tests/data/litellm/FACTS.md.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/event/event_sink.h"
#include "schema/arena.h"
#include "schema/limits.h"

namespace usage_ingest::event {

struct DecoderOptions {
  // Keys of the metadata column, in this order. REQUIRES: each is one of AllMetadataKeys().
  std::vector<std::string> metadata_keys;
  std::size_t record_bytes_max = limits::kRecordBytesMax;
};
// The closed list of docs/events.md, in its order.
[[nodiscard]] const std::vector<std::string>& AllMetadataKeys();

class Decoder {
 public:
  explicit Decoder(const DecoderOptions& options);
  ~Decoder();
  Decoder(Decoder&&) noexcept;

  // A tombstone is a value of no bytes, or only blanks; pass an empty view for a null value.
  void Decode(const RecordOrigin& origin, std::string_view value, Arena& arena, EventSink& sink);

  // What a dead letter keeps of element `index`: the event without messages, response and
  // model_map_information and with a raw credential blanked out; bytes that do not parse as they
  // came, cut at kDeadLetterPayloadBytesMax. A record that is too large is stripped in the same
  // way, which can make it small enough for a retry. Slow path; allocates; may be called inside
  // OnReject. The time for all elements of a record is linear in the record if nothing else is
  // decoded between. REQUIRES: `index` as Decode gave it when first_index is 0.
  [[nodiscard]] std::string DeadLetterPayload(std::string_view value, std::uint32_t index);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::event
