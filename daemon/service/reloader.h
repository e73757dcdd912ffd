#pragma once
// MakeReloader: on SIGHUP, reads the configuration again and applies what can change at run time.
//
// A file with an error changes nothing: the daemon keeps its configuration and logs the error.
//
// Owner         main's thread.
#include <functional>

#include "daemon/config/config.h"
#include "daemon/config/config_load.h"

namespace usage_ingest::service {

// What SIGHUP calls; `running` is the configuration that is in force.
[[nodiscard]] std::function<void()> MakeReloader(config::Config running,
                                                 std::function<config::LoadedConfig()> load);

}  // namespace usage_ingest::service
