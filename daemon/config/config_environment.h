#pragma once
// Config environment: USAGE_INGEST_<SECTION>_<KEY> overrides a key of the file.
//
// For containers and for secrets. [kafka.properties] are USAGE_INGEST_KAFKA_PROPERTIES_<NAME> with
// '_' for '.', as the images of Kafka itself do it.
#include <string>
#include <vector>

#include "daemon/config/config_keys.h"
#include "daemon/config/config_load.h"

namespace usage_ingest::config {

struct EnvironmentSetting {
  std::string variable;
  const ConfigKey* key = nullptr;  // nullptr: a Kafka property
  std::string property;
  std::string text;
};

[[nodiscard]] std::string EnvironmentName(const std::string& section, const std::string& name);

// A variable that begins like one of the sections but names no key is a problem; any other one with
// the prefix is only a warning, since it may be another program's.
[[nodiscard]] std::vector<EnvironmentSetting> ReadEnvironment(const Environment& environment,
                                                              LoadedConfig& loaded);

}  // namespace usage_ingest::config
