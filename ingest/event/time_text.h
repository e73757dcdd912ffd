#pragma once
// Times as LiteLLM writes them: seconds since the epoch, or a date and a time of day.
#include <optional>
#include <string_view>

#include "schema/strong.h"

namespace usage_ingest::event {

// "2026-11-22T16:34:47.721971Z", with 'T' or a blank, seconds with any number of decimals or none,
// and Z, "+01:00", "+0100", "+01" or nothing for UTC. Rounded half away from zero to microseconds.
// Years 0001 to 9999; a second of 60 is refused, as Python does.
[[nodiscard]] std::optional<EventTimeUs> ParseDateTime(std::string_view text);

}  // namespace usage_ingest::event
