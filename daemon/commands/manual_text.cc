#include "daemon/commands/manual_text.h"

#include <fmt/format.h>

#include "daemon/assembly/database_access.h"

namespace usage_ingest::commands {

std::string UsageLine(Command& command, const std::string& path) {
  if (!command.subcommands().empty()) return path + " COMMAND [OPTIONS]";
  std::string line = path;
  for (const Option& option : command.Options()) {
    if (!option.is_required) continue;
    if (!option.is_operand()) line += ' ' + option.name();
    line += ' ' + option.value_name + (option.is_repeatable ? "..." : "");
  }
  return line + " [OPTIONS]";
}

std::string NeedsText(const Command& command) {
  const auto [kafka, postgres, unused, owner] = command.needs();
  std::string text;
  if (kafka != Need::kNothing) text += "Needs the keys of [kafka] and [postgres].";
  if (kafka == Need::kNothing && postgres != Need::kNothing) {
    text += "Needs the keys of [postgres].";
  }
  if (kafka == Need::kServer) {
    text += " Kafka and PostgreSQL must answer.";
  } else if (postgres == Need::kServer) {
    text += " PostgreSQL must answer.";
  }
  if (owner) {
    text += fmt::format(
        " Run it as the owner of the tables: after the installation of the manual with {}",
        assembly::kOwnerEnvironment);
    text += " in its environment.";
  }
  return text;
}

std::vector<std::string> ExamplesOf(const Command& command) {
  std::vector<std::string> examples = command.text().examples;
  for (const auto& subcommand : command.subcommands()) {
    const auto& more = subcommand->text().examples;
    examples.insert(examples.end(), more.begin(), more.end());
  }
  return examples;
}

}  // namespace usage_ingest::commands
