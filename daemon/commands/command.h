#pragma once
// Command: one thing that `usage-ingestd` can do: its help, its options, its needs and its work.
//
// Each command is one file of this folder and one line of command_list.h. The parser (daemon/cli),
// `--help`, the manual page and the shell completions read the same definition.
//
// Owner         the list that AllCommands() returns; options are set once, by the parser.
// Errors        Run returns the process's exit code or throws text::UserError. Results go to
//               stdout, progress and messages to stderr.
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "daemon/commands/option.h"
#include "daemon/config/config_load.h"
#include "schema/problem.h"

namespace usage_ingest::commands {

class Command;
using CommandPtr = std::unique_ptr<Command>;
using CommandList = std::vector<CommandPtr>;

struct CommandText {
  std::string name;                   // one word
  std::string summary;                // one line: a verb first, no full stop
  std::string description = {};       // more, in whole sentences
  std::vector<std::string> examples;  // complete command lines
  bool is_hidden = false;             // not in help, manual and completion
};

enum class Need : unsigned char {
  kNothing,
  kKeys,    // its keys must be in the configuration
  kServer,  // and it must answer while the command runs
  kNamed,   // the options name it, no key does; it must answer
};

struct CommandNeeds {
  Need kafka = Need::kNothing;
  Need postgres = Need::kNothing;
  bool reports_problems = false;  // Run is called with a wrong configuration, too
  bool owner = false;             // only the owner of the tables may do it

  [[nodiscard]] bool server() const { return kafka == Need::kServer || postgres >= Need::kServer; }
  [[nodiscard]] bool config() const {
    return kafka != Need::kNothing || (postgres != Need::kNothing && postgres != Need::kNamed);
  }
};

struct CommandContext {
  const config::LoadedConfig& loaded;  // as CommandNeeds asks for it; else the defaults
  std::function<config::LoadedConfig()> load_again;
  const CommandList& commands;
  // Of a command that needs a server: SIGINT or SIGTERM has come.
  std::stop_token stop;

  [[nodiscard]] const config::Config& config() const { return loaded.config; }
};

class Command {
 public:
  Command(CommandText text, CommandNeeds needs) : text_(std::move(text)), needs_(needs) {}
  virtual ~Command() = default;
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  [[nodiscard]] const CommandText& text() const { return text_; }
  // Of the options that were set; those of the command without any, for its help.
  [[nodiscard]] virtual CommandNeeds needs() const { return needs_; }

  // Each option writes to a member of the command.
  [[nodiscard]] virtual std::vector<Option> Options() { return {}; }
  // What is wrong with the options together, after each was set.
  [[nodiscard]] virtual std::optional<Problem> Check() const { return std::nullopt; }
  [[nodiscard]] virtual int Run(const CommandContext& context) = 0;
  // Not empty: one of these must follow, and Run is never called.
  [[nodiscard]] virtual std::span<const CommandPtr> subcommands() const { return {}; }

 private:
  CommandText text_;
  CommandNeeds needs_;
};

// A command of several subcommands, such as `partitions list`.
[[nodiscard]] CommandPtr MakeGroup(CommandText text, CommandList subcommands);

}  // namespace usage_ingest::commands
