#pragma once
// EventSink: where the elements of a record go, each as an event, a skip or a rejection.
#include <cstdint>
#include <string_view>

#include "schema/kafka_position.h"
#include "schema/reasons.h"
#include "schema/strong.h"
#include "schema/usage_event.h"

namespace usage_ingest::event {

// Where the bytes come from. It is the identity of an event that has no id.
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
  std::string_view detail;    // what was wrong; never a prompt, an answer or a key
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
  // Asked after each element: true ends the record, whose other elements are not read.
  [[nodiscard]] virtual bool is_full() const { return false; }
};

}  // namespace usage_ingest::event
