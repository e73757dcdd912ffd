#pragma once
// Config parts: what only a library can judge: librdkafka its properties, libpq its string.
//
// Asks no broker and no database. Apart from config_load.h, so that the configuration itself links
// neither library.
#include "daemon/config/config_load.h"

namespace usage_ingest::assembly {

// Adds to loaded.problems.
void CheckParts(config::LoadedConfig& loaded);

}  // namespace usage_ingest::assembly
