#pragma once
// StatusLine: the one line that `systemctl status` shows.
#include <string>

#include "daemon/telemetry/status_snapshot.h"

namespace usage_ingest::telemetry {

[[nodiscard]] std::string StatusLine(const StatusSnapshot& snapshot);

}  // namespace usage_ingest::telemetry
