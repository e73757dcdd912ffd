// Any bytes as a configuration file, and as the value of a variable: no crash, every problem has a
// place and a fix, and what is accepted fits into the memory budget.
#include <cstddef>
#include <cstdint>
#include <string>

#include "daemon/config/config_load.h"
#include "daemon/config/memory_plan.h"
#include "schema/check.h"

using usage_ingest::config::ConfigText;
using usage_ingest::config::LoadConfig;
using usage_ingest::config::LoadedConfig;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  const LoadedConfig loaded = LoadConfig(ConfigText{text, "fuzz.toml"},
                                         {{"USAGE_INGEST_BATCH_LINGER", text.substr(0, 20)}});
  for (const auto& problem : loaded.problems) {
    USAGE_INGEST_CHECK(!problem.where.empty() && !problem.what.empty() && !problem.fix.empty());
  }
  if (!loaded.problems.empty()) return 0;
  const auto& config = loaded.config;
  const auto plan = usage_ingest::config::PlanMemory(config);
  USAGE_INGEST_CHECK(plan.prefetch_bytes + 2 * config.postgres.writers * plan.transaction_bytes <=
                     config.memory_budget_bytes);
  return 0;
}
