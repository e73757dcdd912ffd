#pragma once
// PartitionsIndex: the subcommand of `partitions` that builds deferred indexes.
#include "daemon/commands/command.h"

namespace usage_ingest::commands {

[[nodiscard]] CommandPtr MakePartitionsIndex();

}  // namespace usage_ingest::commands
