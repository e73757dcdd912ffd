#pragma once
// StatusLine: the one line that `systemctl status` shows.
#include <string>

#include "daemon/status_snapshot.h"

namespace usage_ingest::daemon {

[[nodiscard]] std::string StatusLine(const StatusSnapshot& snapshot);

}  // namespace usage_ingest::daemon
