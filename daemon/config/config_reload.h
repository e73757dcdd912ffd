#pragma once
// Config reload: what SIGHUP may change while the daemon runs.
#include <string>
#include <vector>

#include "daemon/config/config.h"

namespace usage_ingest::config {

struct ReloadPlan {
  Config config;                     // the running one with the changes that are possible
  std::vector<std::string> applied;  // keys
  std::vector<std::string> refused;  // keys that need a restart
};

[[nodiscard]] ReloadPlan PlanReload(const Config& running, const Config& wanted);

}  // namespace usage_ingest::config
