// `man`: the manual page in roff, for the package; hidden.
//
// Source        man(7); tests/docs holds the page against `man --warnings` and mandoc.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "daemon/commands/command_list.h"
#include "daemon/commands/manual_text.h"
#include "daemon/config/config_environment.h"
#include "daemon/text/user_error.h"
#include "daemon/text/version.h"

namespace usage_ingest::commands {
namespace {

struct Entry {
  std::string_view name;
  std::string_view meaning;
};

constexpr std::string_view kDescription =
    "Reads the requests that LiteLLM publishes to a Kafka topic and keeps the tables usage_logs, "
    "usage_summaries and subscriptions of LiteMaaS exact. Every event counts once: the offsets "
    "are committed in the transaction of the rows.";

constexpr std::array kFiles = std::to_array<Entry>({
    {"/etc/usage-ingestd/usage-ingestd.toml", "The configuration, every key commented."},
    {"/etc/usage-ingestd/pg_service.conf",
     "The service file of libpq with the password. systemd gives it to the daemon; a command that "
     "root starts with this configuration reads it unless PGSERVICEFILE is set."},
    {"/etc/usage-ingestd/environment",
     "Variables, see ENVIRONMENT, for the daemon and for the commands of root. A variable that is "
     "set stays as it is."},
    {"/usr/share/usage-ingestd", "The callback for LiteLLM, alert rules, a dashboard."},
});

constexpr std::array kVariables = std::to_array<Entry>({
    {"USAGE_INGEST_KAFKA_PROPERTIES_<NAME>",
     "Sets a property of librdkafka; '_' stands for '.', as in "
     "USAGE_INGEST_KAFKA_PROPERTIES_SASL_PASSWORD."},
    {"PGSERVICEFILE, PGPASSFILE, PGPASSWORD, ...", "Read by libpq for postgres.conninfo."},
});

// Text for roff: no word of it is a request or an escape.
std::string Roff(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool at_line_start = result.empty() || result.back() == '\n';
    if (at_line_start && (c == '.' || c == '\'')) result += "\\&";
    if (c == '\\') {
      result += "\\e";
    } else if (c == '-') {
      result += "\\-";
    } else {
      result += c;
    }
  }
  return result;
}

// One sentence a line, as man(7) wants it.
std::string Sentences(std::string_view text) {
  std::string lines(text);
  for (std::size_t at = 0; (at = lines.find(". ", at)) != std::string::npos;) lines[at + 1] = '\n';
  return Roff(lines) + '\n';
}

std::string Section(std::string_view title) { return fmt::format(".SH {}\n", title); }

std::string Tagged(std::string_view tag, std::string_view meaning) {
  return fmt::format(".TP\n{}\n{}", tag, Sentences(meaning));
}

std::string OptionEntry(const Option& option) {
  std::string tag;
  for (const std::string& name : option.names) {
    tag += fmt::format("{}\\fB{}\\fR", tag.empty() ? "" : ", ", Roff(name));
  }
  if (option.takes_value()) {
    tag += fmt::format("{}\\fI{}\\fR", tag.empty() ? "" : " ", Roff(option.value_name));
  }
  std::string help = option.help;
  if (!option.choices.empty()) help += fmt::format(": {}", fmt::join(option.choices, ", "));
  return Tagged(tag, help + (option.is_required ? " (required)." : "."));
}

std::string CommandEntry(Command& command, const std::string& path) {
  std::string page = fmt::format(".SS {}\n", Roff(UsageLine(command, path)));
  page += Sentences(command.text().summary + '.');
  for (const std::string& more : {command.text().description, NeedsText(command)}) {
    if (!more.empty()) page += ".PP\n" + Sentences(more);
  }
  for (const Option& option : command.Options()) page += OptionEntry(option);
  if (command.text().examples.empty()) return page;
  page += ".PP\nExamples:\n.PP\n.nf\n";
  for (const std::string& example : command.text().examples) page += Roff("  " + example) + '\n';
  return page + ".fi\n";
}

std::string CommandEntries(std::span<const CommandPtr> commands, const std::string& path) {
  std::string page;
  for (const CommandPtr& command : commands) {
    if (command->text().is_hidden) continue;
    const std::string inner = path + ' ' + command->text().name;
    page += command->subcommands().empty() ? CommandEntry(*command, inner)
                                           : CommandEntries(command->subcommands(), inner);
  }
  return page;
}

std::string Environment() {
  std::string page = Section("ENVIRONMENT");
  page += Sentences("Each key of the configuration has a variable, which wins over the file:");
  page += ".PP\n.nf\n";
  for (const config::ConfigKey& key : config::ConfigKeys()) {
    page += Roff(fmt::format("  {:<41} {}", config::EnvironmentName(key.section, key.name),
                             key.path())) +
            '\n';
  }
  page += ".fi\n";
  for (const Entry& variable : kVariables) {
    page += Tagged(fmt::format("\\fB{}\\fR", Roff(variable.name)), variable.meaning);
  }
  return page;
}

std::string ManualPage(const CommandList& commands) {
  std::string page = fmt::format(".TH USAGE-INGESTD 8 \"{}\" \"usage-ingestd {}\" \"{}\"\n",
                                 text::kDate, text::kVersion, "System administration");
  page += Section("NAME") + "usage\\-ingestd \\- " + Roff(kProgramSummary) + '\n';
  page += Section("SYNOPSIS") + "\\fBusage\\-ingestd\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n";
  page += Section("DESCRIPTION") + Sentences(kDescription);
  page += Section("OPTIONS") + Sentences("These may stand before and after every command.");
  GlobalArguments unused;
  for (const Option& option : GlobalOptions(unused)) page += OptionEntry(option);
  page += Section("COMMANDS") + CommandEntries(commands, "usage-ingestd");
  page += Section("FILES");
  for (const Entry& file : kFiles) {
    page += Tagged(fmt::format("\\fI{}\\fR", Roff(file.name)), file.meaning);
  }
  page += Environment();
  page += Section("EXIT STATUS");
  for (const auto& [code, meaning] : text::kExitCodes) {
    page += Tagged(fmt::format("\\fB{}\\fR", text::ToInt(code)), std::string(meaning) + '.');
  }
  page += Section("SEE ALSO") + "\\fI/usr/share/doc/usage\\-ingestd/operations.md\\fR\n";
  return page;
}

class Man final : public Command {
 public:
  Man()
      : Command({.name = "man",
                 .summary = "Print the manual page in roff",
                 .examples = {"usage-ingestd man | man -l -"},
                 .is_hidden = true},
                {}) {}

  int Run(const CommandContext& context) override {
    std::cout << ManualPage(context.commands);
    return 0;
  }
};

}  // namespace

CommandPtr MakeMan() { return std::make_unique<Man>(); }

}  // namespace usage_ingest::commands
