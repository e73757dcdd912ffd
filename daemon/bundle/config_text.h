#pragma once
// ConfigText: the configuration as an operator set it, with kHidden for what may be a secret.
#include <string>

#include "daemon/config/config_load.h"

namespace usage_ingest::bundle {

// A line for each key that is set, with the place; then problems and warnings. Other keys have
// their defaults.
[[nodiscard]] std::string ConfigText(const config::LoadedConfig& loaded);

// The names of the variables that libpq and this program read; never their values.
[[nodiscard]] std::string EnvironmentText(const config::Environment& environment);

}  // namespace usage_ingest::bundle
