#include "daemon/service/reloader.h"

#include <spdlog/spdlog.h>

#include <exception>
#include <utility>

#include "daemon/config/config_reload.h"
#include "daemon/service/systemd_notify.h"
#include "daemon/telemetry/logging.h"

namespace usage_ingest::service {
namespace {

void Apply(const config::ReloadPlan& plan) {
  telemetry::SetUpLogging(plan.config.log_level, plan.config.log_format);
  for (const std::string& key : plan.applied) spdlog::info("reload: {} is in force", key);
  for (const std::string& key : plan.refused) {
    spdlog::warn("reload: {} has changed, which needs a restart; the old value stays", key);
  }
  if (plan.applied.empty() && plan.refused.empty()) spdlog::info("reload: nothing has changed");
}

}  // namespace

std::function<void()> MakeReloader(config::Config running,
                                   std::function<config::LoadedConfig()> load) {
  return [running = std::move(running), load = std::move(load)]() mutable {
    SystemdNotify::Reloading();
    try {
      const config::LoadedConfig loaded = load();
      for (const Problem& problem : loaded.problems) {
        spdlog::error("reload: {}", ToLine(problem));
      }
      if (loaded.problems.empty()) {
        const config::ReloadPlan plan = config::PlanReload(running, loaded.config);
        running = plan.config;
        Apply(plan);
      } else {
        spdlog::error("reload: refused; the configuration stays as it was");
      }
    } catch (const std::exception& error) {
      spdlog::error("reload: refused: {}; the configuration stays as it was", error.what());
    }
    SystemdNotify::Ready();
  };
}

}  // namespace usage_ingest::service
