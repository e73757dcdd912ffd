#pragma once
// TokenDetails: the cached and the reasoning tokens of an element.
//
// Source        docs/events.md, "metadata".
#include <cstdint>

#include "ingest/event/field_reader.h"
#include "ingest/json/plain_number.h"

namespace usage_ingest::event {

// kNoNumber: absent, or no count.
struct TokenDetails {
  std::int64_t cached = json::kNoNumber;
  std::int64_t reasoning = json::kNoNumber;
};
[[nodiscard]] TokenDetails ReadTokenDetails(const FieldReader& reader);

// 0 for kNoNumber.
[[nodiscard]] std::int32_t CountOf(std::int64_t detail);

}  // namespace usage_ingest::event
