#pragma once
// RunDaemon: the `run` verb. Returns the process's exit code (sysexits).
#include "daemon/config.h"

namespace usage_ingest::daemon {

[[nodiscard]] int RunDaemon(const Config& config);

}  // namespace usage_ingest::daemon
