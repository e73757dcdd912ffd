#pragma once
// ManualText: what `--help` and the manual page both say, made from the definition of a command.
#include <string>
#include <string_view>
#include <vector>

#include "daemon/commands/command.h"

namespace usage_ingest::commands {

inline constexpr std::string_view kProgramSummary =
    "Ingest LiteLLM usage events from Kafka into the PostgreSQL tables of LiteMaaS";

// "usage-ingestd replay --topic TOPIC [OPTIONS]"; `path` is the command as it is typed.
[[nodiscard]] std::string UsageLine(Command& command, const std::string& path);
// What must be configured and must answer, as sentences; empty: nothing.
[[nodiscard]] std::string NeedsText(const Command& command);
// Its own, or those of its subcommands.
[[nodiscard]] std::vector<std::string> ExamplesOf(const Command& command);

}  // namespace usage_ingest::commands
