#pragma once
// Help: what `--help` prints, for the program or for one command.
#include <string>

#include "daemon/commands/command.h"

namespace usage_ingest::cli {

// `command` null: of the program. `path` as it is typed: "usage-ingestd dead-letters list".
[[nodiscard]] std::string HelpText(const commands::CommandList& all, commands::Command* command,
                                   const std::string& path);

}  // namespace usage_ingest::cli
