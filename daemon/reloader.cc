#include "daemon/reloader.h"

#include <spdlog/spdlog.h>

#include <exception>
#include <utility>

#include "daemon/config_reload.h"
#include "daemon/logging.h"
#include "daemon/systemd_notify.h"

namespace usage_ingest::daemon {
namespace {

void Apply(const ReloadPlan& plan) {
  SetUpLogging(plan.config.log_level, plan.config.log_format);
  for (const std::string& key : plan.applied) spdlog::info("reload: {} is in force", key);
  for (const std::string& key : plan.refused) {
    spdlog::warn("reload: {} has changed, which needs a restart; the old value stays", key);
  }
  if (plan.applied.empty() && plan.refused.empty()) spdlog::info("reload: nothing has changed");
}

}  // namespace

Reloader::Reloader(Config running, std::function<LoadedConfig()> load)
    : running_(std::move(running)), load_(std::move(load)) {}

void Reloader::Reload() {
  SystemdNotify::Reloading();
  try {
    const LoadedConfig loaded = load_();
    for (const ConfigProblem& problem : loaded.problems) {
      spdlog::error("reload: {}: {}; fix: {}", problem.where, problem.what, problem.fix);
    }
    if (loaded.problems.empty()) {
      const ReloadPlan plan = PlanReload(running_, loaded.config);
      running_ = plan.config;
      Apply(plan);
    } else {
      spdlog::error("reload: refused; the configuration stays as it was");
    }
  } catch (const std::exception& error) {
    spdlog::error("reload: refused: {}; the configuration stays as it was", error.what());
  }
  SystemdNotify::Ready();
}

}  // namespace usage_ingest::daemon
