#pragma once
// Arguments: argv split into the command, its options and its operands.
//
// Options may stand before and after the command: `usage-ingestd --dry-run migrate` is what people
// type when they add an option to the last line of their shell. Nothing is checked here; the rules
// are in command_line.cc.
//
// REQUIRES      an option name takes a value in every command that has it, or in none (tested).
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/commands/command.h"

namespace usage_ingest::cli {

struct GivenOption {
  std::string name;                  // as typed: "-c" or "--config"
  std::optional<std::string> value;  // from "--config=x", "-cx" or the next argument
};

struct Arguments {
  commands::Command* command = nullptr;  // the innermost one that was named; null: none
  std::string path;                      // "usage-ingestd dead-letters list"
  std::vector<GivenOption> options;
  std::vector<std::string> operands;

  [[nodiscard]] bool Has(const std::string& short_name, const std::string& long_name) const;
};

[[nodiscard]] Arguments SplitArguments(const commands::CommandList& all,
                                       const std::vector<std::string>& arguments);

inline constexpr auto kProgram = "usage-ingestd";

}  // namespace usage_ingest::cli
