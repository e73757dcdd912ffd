#pragma once
// RunDaemon: the `run` verb. Returns the process's exit code (sysexits).
#include <functional>

#include "daemon/config.h"

namespace usage_ingest::daemon {

// `reload` is called on main's thread at SIGHUP.
[[nodiscard]] int RunDaemon(const Config& config, std::function<void()> reload);

}  // namespace usage_ingest::daemon
