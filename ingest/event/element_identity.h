#pragma once
// RowId: which events are the same event.
#include <cstdint>
#include <string_view>

#include "ingest/event/event_sink.h"
#include "schema/arena.h"
#include "schema/strong.h"
#include "schema/uuid.h"

namespace usage_ingest::event {

struct ElementPlace {
  const RecordOrigin& origin;
  std::uint32_t number;    // index in the record
  std::string_view bytes;  // of the element
};

// "topic/partition/offset/index"; in an imported file, which may be imported again under another
// name, the SHA-256 of the element as a dead letter would keep it (so that a retried dead letter
// has the same identity as the line it came from). In the arena.
[[nodiscard]] std::string_view FallbackIdentity(const ElementPlace& place, Arena& arena);

// How LiteLLM reports the usage of a call, by its call_type.
enum class CallKind : unsigned char {
  kCall,      // one event per call
  kJob,       // a batch or a video: each poll of the finished job says its usage again
  kRetrieve,  // of a stored response: its usage belongs to the call that created it
};
[[nodiscard]] CallKind CallKindOf(std::string_view call_type);

// `id` without what LiteLLM appends to it in SpendLogs, and at a cache hit also in the event.
[[nodiscard]] std::string_view WithoutSuffix(std::string_view id, CallKind kind);

// What a row id is made of. In milliseconds and by user, because SpendLogs has no more: its times
// are TIMESTAMP(3), and its key hash can be hashed twice.
struct RowIdentity {
  std::string_view id;
  std::string_view kind;      // "success", "failure" or "job"
  std::int64_t start_ms = 0;  // 0 for a job
  std::int64_t end_ms = 0;    // of a success; 0 for the others: LiteLLM's own rows differ there
  std::string_view user_id;
};

// Rounded down, so that a time before 1970 keeps its order.
[[nodiscard]] std::int64_t MillisOf(EventTimeUs time);

// The deterministic row id: docs/events.md has the byte layout, tests/golden/row_id_test.cc freezes
// it.
//
// SHA-256 rather than a faster hash: a client chooses the id of a call that fails, and must not be
// able to make two requests count as one. PostgreSQL and Python have SHA-256 too, so a row's id can
// be checked by hand. It costs 0.1 us.
[[nodiscard]] Uuid MakeRowId(const RowIdentity& identity);

}  // namespace usage_ingest::event
