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

// The deterministic row id: docs/events.md has the byte layout, tests/golden/row_id_test.cc freezes
// it.
//
// SHA-256 rather than a faster hash: a client chooses the id of a call that fails, and must not be
// able to make two requests count as one. PostgreSQL and Python have SHA-256 too, so a row's id can
// be checked by hand. It costs 0.1 us.
[[nodiscard]] Uuid MakeRowId(std::string_view id, EventTimeUs start, std::string_view status,
                             std::string_view key_hash);

}  // namespace usage_ingest::event
