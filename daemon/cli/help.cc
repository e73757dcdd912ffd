#include "daemon/cli/help.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>

#include "daemon/commands/manual_text.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::cli {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kHelpColumn = 26;

// Words of `text` in lines of at most kWidth characters; the first line begins at `column`.
std::string Wrapped(const std::string& text, std::size_t indent, std::size_t column) {
  std::string result;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (column > indent && column + 1 + word.size() > kWidth) {
      result += '\n' + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result + '\n';
}

std::string Entry(const std::string& name, const std::string& help) {
  std::string line = "  " + name;
  if (line.size() + 2 > kHelpColumn) {
    line += '\n' + std::string(kHelpColumn, ' ');
  } else {
    line.resize(kHelpColumn, ' ');
  }
  return line + Wrapped(help, kHelpColumn, kHelpColumn);
}

std::string OptionEntry(const commands::Option& option) {
  std::string name = fmt::format("{}", fmt::join(option.names, ", "));
  if (option.takes_value()) name += (name.empty() ? "" : " ") + option.value_name;
  std::string help = option.help;
  if (!option.choices.empty()) help += fmt::format(": {}", fmt::join(option.choices, ", "));
  if (option.is_required) help += " (required)";
  return Entry(name, help);
}

std::string OptionEntries(const std::string& title, const std::vector<commands::Option>& options) {
  if (options.empty()) return {};
  std::string text = '\n' + title + ":\n";
  for (const commands::Option& option : options) text += OptionEntry(option);
  return text;
}

std::string CommandEntries(std::span<const commands::CommandPtr> all) {
  std::string text = "\nCommands:\n";
  for (const auto& command : all) {
    if (!command->text().is_hidden) text += Entry(command->text().name, command->text().summary);
  }
  return text;
}

std::string Examples(const std::vector<std::string>& examples) {
  if (examples.empty()) return {};
  return fmt::format("\n{}:\n  {}\n", examples.size() == 1 ? "Example" : "Examples",
                     fmt::join(examples, "\n  "));
}

std::string GlobalEntries() {
  commands::GlobalArguments unused;
  return OptionEntries("Global options", commands::GlobalOptions(unused));
}

std::string ProgramHelp(const commands::CommandList& all) {
  std::string text = Wrapped(std::string(commands::kProgramSummary) + '.', 0, 0);
  text += "\nUsage: usage-ingestd COMMAND [OPTIONS]\n";
  text += CommandEntries(all);
  text += GlobalEntries();
  text += Examples({"usage-ingestd check-config --connect", "usage-ingestd migrate --dry-run",
                    "usage-ingestd run --config /etc/usage-ingestd/usage-ingestd.toml",
                    "usage-ingestd COMMAND --help"});
  std::vector<std::string> codes;
  for (const auto& [code, meaning] : text::kExitCodes) {
    codes.push_back(fmt::format("{} {}", text::ToInt(code), meaning));
  }
  return text + '\n' + Wrapped(fmt::format("Exit codes: {}.", fmt::join(codes, ", ")), 0, 0);
}

}  // namespace

std::string HelpText(const commands::CommandList& all, commands::Command* command,
                     const std::string& path) {
  if (command == nullptr) return ProgramHelp(all);
  std::string text = Wrapped(command->text().summary + '.', 0, 0);
  text += fmt::format("\nUsage: {}\n", commands::UsageLine(*command, path));
  if (!command->text().description.empty()) {
    text += '\n' + Wrapped(command->text().description, 0, 0);
  }
  if (!command->subcommands().empty()) text += CommandEntries(command->subcommands());
  text += OptionEntries("Options", command->Options());
  text += GlobalEntries();
  if (const auto needs = commands::NeedsText(*command); !needs.empty()) {
    text += '\n' + Wrapped(needs, 0, 0);
  }
  return text + Examples(commands::ExamplesOf(*command));
}

}  // namespace usage_ingest::cli
