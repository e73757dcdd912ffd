#pragma once
// The identity of an event that brings none.
#include <cstdint>
#include <string_view>

#include "ingest/event/decoder.h"
#include "schema/arena.h"

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

}  // namespace usage_ingest::event
