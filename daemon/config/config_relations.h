#pragma once
// Config relations: rules between keys, such as a budget that is too small for the writers.
#include <map>
#include <string>

#include "daemon/config/config.h"
#include "daemon/text/problem.h"

namespace usage_ingest::config {

// `seen` tells where a key was set, so that a problem points at a line; `fallback` when neither
// was.
void CheckRelations(const Config& config, const std::map<std::string, std::string>& seen,
                    const std::string& fallback, text::Problems& problems);

}  // namespace usage_ingest::config
