#pragma once
// PartitionsSkip: the subcommand of `partitions` that is about a partition of Kafka.
#include "daemon/commands/command.h"

namespace usage_ingest::commands {

[[nodiscard]] CommandPtr MakePartitionsSkip();

}  // namespace usage_ingest::commands
