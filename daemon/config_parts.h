#pragma once
// Config parts: what only a library can judge: librdkafka its properties, libpq its string.
//
// Asks no broker and no database. Apart from config_load.h, so that the configuration itself links
// neither library.
#include "daemon/config_load.h"

namespace usage_ingest::daemon {

// Adds to loaded.problems.
void CheckParts(LoadedConfig& loaded);

}  // namespace usage_ingest::daemon
