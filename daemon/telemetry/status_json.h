#pragma once
// Status JSON: the shape of /status; docs/metrics.md names its fields.
#include <string>

#include "daemon/telemetry/status_snapshot.h"

namespace usage_ingest::telemetry {

// With more partitions than this, the answer has no history of each, so that it stays small.
inline constexpr std::size_t kPlottedPartitionsMax = 64;

[[nodiscard]] std::string StatusJson(const StatusSnapshot& snapshot);

}  // namespace usage_ingest::telemetry
