#pragma once
// RunDaemon: the command `run`. Returns the process's exit code (sysexits).
#include <functional>

#include "daemon/config/config.h"

namespace usage_ingest::service {

// `reload` is called on main's thread at SIGHUP.
[[nodiscard]] int RunDaemon(const config::Config& config, std::function<void()> reload);

}  // namespace usage_ingest::service
