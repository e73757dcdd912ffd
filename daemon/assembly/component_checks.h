#pragma once
// ComponentChecks: values that only a library can check: librdkafka its properties, libpq its
// conninfo.
//
// Connects to nothing. Not in config_load.h, so that the configuration links neither library.
#include "daemon/config/config_load.h"

namespace usage_ingest::assembly {

// Adds to loaded.problems.
void CheckParts(config::LoadedConfig& loaded, bool needs_kafka);

}  // namespace usage_ingest::assembly
