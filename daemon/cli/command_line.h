#pragma once
// CommandLine: from argv to a command whose options are set, or to a text and an exit code.
//
// Knows no command by name but `version`: the list tells names, options and rules.
//
// Errors        64 (usage) with what is wrong and what to type instead; --help is 0.
#include <expected>
#include <string>
#include <vector>

#include "daemon/commands/command.h"

namespace usage_ingest::cli {

struct CommandLine {
  commands::Command* command = nullptr;  // of the list that was given
  std::string config_path;               // empty: the default path, where a file need not exist
};

// Nothing is left to do but print.
struct CommandLineEnd {
  int exit_code = 0;
  std::string text;  // to stdout when exit_code is 0, else to stderr
};

// `arguments` without the program's name.
[[nodiscard]] std::expected<CommandLine, CommandLineEnd> ParseCommandLine(
    const commands::CommandList& all, const std::vector<std::string>& arguments);

}  // namespace usage_ingest::cli
