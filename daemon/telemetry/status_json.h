#pragma once
// Status JSON: the shape of /status; docs/metrics.md names its fields.
#include <string>

#include "daemon/telemetry/status_snapshot.h"

namespace usage_ingest::telemetry {

// More partitions than this are listed without their plots, so that the answer stays small.
inline constexpr std::size_t kPlottedPartitionsMax = 64;

[[nodiscard]] std::string StatusJson(const StatusSnapshot& snapshot);

}  // namespace usage_ingest::telemetry
