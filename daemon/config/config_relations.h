#pragma once
// Config relations: rules between keys, such as a budget that is too small for the writers.
#include "daemon/config/config_load.h"

namespace usage_ingest::config {

// Adds problems, which point at the line where one of the keys was set, and warnings.
void CheckRelations(LoadedConfig& loaded);

}  // namespace usage_ingest::config
