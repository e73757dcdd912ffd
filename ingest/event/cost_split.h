#pragma once
// OutputMicros: which part of a call's cost is for its output.
//
// Units         millionths.
// Source        docs/events.md, "The row".
#include <cstdint>

#include "ingest/event/decimal.h"
#include "ingest/event/field_reader.h"

namespace usage_ingest::event {

// LiteLLM states `input` and `output` before discounts, margins and guardrails, which are in `cost`
// only. If the parts do not add up to the cost, they are scaled to it. REQUIRES: cost >= 0.
[[nodiscard]] std::int64_t OutputMicros(const Decimal& cost, const NumberField& input,
                                        const NumberField& output);

}  // namespace usage_ingest::event
