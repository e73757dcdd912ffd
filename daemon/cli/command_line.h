#pragma once
// CommandLine: from argv to a verb and its options, or to a text and an exit code.
//
// Options may stand before or after the verb. Everything that can be judged without a configuration
// is judged here, so that a verb gets options that make sense.
//
// Errors        64 (usage) with what is wrong and what to type instead; --help is 0.
#include <expected>
#include <string>
#include <variant>
#include <vector>

#include "daemon/commands/verbs.h"

namespace usage_ingest::cli {

struct RunOptions {};

using VerbOptions =
    std::variant<RunOptions, commands::CheckConfigOptions, commands::MigrateVerbOptions,
                 commands::StatusOptions, commands::ReplayOptions, commands::ImportOptions,
                 commands::DeadLetterOptions, commands::SummariesOptions,
                 commands::PartitionsOptions, commands::VersionOptions>;

struct CommandLine {
  std::string config_path;
  bool config_is_default = true;  // nobody named it, so it need not be there
  VerbOptions verb;
};

// Nothing is left to do but print.
struct CommandLineEnd {
  int exit_code = 0;
  std::string text;  // to stdout when exit_code is 0, else to stderr
};

// `arguments` without the program's name.
[[nodiscard]] std::expected<CommandLine, CommandLineEnd> ParseCommandLine(
    std::vector<std::string> arguments);

}  // namespace usage_ingest::cli
