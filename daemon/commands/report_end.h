#pragma once
// ReportEnd: how a command ends that counts events: with its report, whatever happened.
#include <string>

#include "daemon/replay/replay_report.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::commands {

// After SIGINT or SIGTERM. Prints both and returns 130. `where` is the command.
[[nodiscard]] int EndInterrupted(const replay::ReplayReport& so_far, bool as_json,
                                 const std::string& where);

// After an error: the rows that were committed before it are in the tables. Prints both and returns
// the exit code of the error.
[[nodiscard]] int EndFailed(const replay::ReplayReport& so_far, bool as_json,
                            const text::UserError& error);

}  // namespace usage_ingest::commands
