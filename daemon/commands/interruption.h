#pragma once
// Interruption: how a command ends that SIGINT or SIGTERM stopped: with the result so far and 130.
#include <string>

#include "daemon/replay/replay_result.h"

namespace usage_ingest::commands {

// Prints both and returns the exit code. `where` is the command.
[[nodiscard]] int EndInterrupted(const replay::ReplayReport& so_far, bool as_json,
                                 const std::string& where);

}  // namespace usage_ingest::commands
