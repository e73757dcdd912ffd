#include "daemon/config/config_reload.h"

#include "daemon/config/config_keys.h"

namespace usage_ingest::config {

ReloadPlan PlanReload(const Config& running, const Config& wanted) {
  ReloadPlan plan;
  plan.config = running;
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.same(running, wanted)) continue;
    if (key.reloadable) {
      key.copy(plan.config, wanted);
      plan.applied.push_back(key.path());
    } else {
      plan.refused.push_back(key.path());
    }
  }
  if (running.kafka.properties != wanted.kafka.properties) {
    plan.refused.emplace_back(kPropertiesSection);
  }
  return plan;
}

}  // namespace usage_ingest::config
