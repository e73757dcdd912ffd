#include "daemon/cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/cli/argument_order.h"
#include "daemon/cli/command_verbs.h"
#include "daemon/text/suggest.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::cli {
namespace {

constexpr auto kProgram = "usage-ingestd";
constexpr std::string_view kFooter = R"(
Examples:
  usage-ingestd check-config --connect
  usage-ingestd migrate --dry-run
  usage-ingestd run --config /etc/usage-ingestd/usage-ingestd.toml
  usage-ingestd VERB --help

Exit codes: 0 fine, 1 a check found differences, 64 usage, 65 bad input data, 66 no such file,
69 unavailable, 70 internal, 77 permission, 78 configuration or schema.)";

// The whole command line as CLI11 knows it; the members are where it writes to.
class Grammar {
 public:
  Grammar();
  [[nodiscard]] std::expected<CommandLine, CommandLineEnd> Parse(
      const std::vector<std::string>& arguments);

 private:
  [[nodiscard]] ArgumentShape Shape() const;
  [[nodiscard]] CommandLineEnd UsageError(std::string_view what, std::string_view fix) const;
  [[nodiscard]] CommandLineEnd UnknownVerb(const std::vector<std::string>& arguments) const;
  [[nodiscard]] CommandLineEnd Unexpected(const std::vector<std::string>& extras) const;
  [[nodiscard]] std::optional<CommandLineEnd> CheckReplay() const;
  [[nodiscard]] std::optional<CommandLineEnd> CheckSelections() const;
  [[nodiscard]] const CLI::App* Chosen() const;

  CLI::App app_{"Keeps LiteMaaS usage tables exact from LiteLLM's events in Kafka.", kProgram};
  VerbTargets targets_;
};

Grammar::Grammar() {
  app_.require_subcommand(1);
  app_.footer(std::string(kFooter));
  app_.get_formatter()->column_width(28);
  AddVerbs(app_, targets_);
}

ArgumentShape Grammar::Shape() const {
  ArgumentShape shape;
  const auto add_options = [&](const CLI::App* app) {
    for (const CLI::Option* option : app->get_options()) {
      if (option->get_positional() || option->get_items_expected_max() == 0) continue;
      for (const auto& name : option->get_lnames()) shape.with_values.insert("--" + name);
      for (const auto& name : option->get_snames()) shape.with_values.insert("-" + name);
    }
  };
  for (const CLI::App* verb : app_.get_subcommands(nullptr)) {
    auto& inner = shape.verbs[verb->get_name()];
    add_options(verb);
    for (const CLI::App* nested : verb->get_subcommands(nullptr)) {
      inner.insert(nested->get_name());
      add_options(nested);
    }
  }
  return shape;
}

const CLI::App* Grammar::Chosen() const {
  const CLI::App* app = &app_;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

CommandLineEnd Grammar::UsageError(std::string_view what, std::string_view fix) const {
  std::string path = kProgram;
  for (const CLI::App* app = &app_; !app->get_subcommands().empty();) {
    app = app->get_subcommands().front();
    path += " " + app->get_name();
  }
  std::string text = fmt::format("{}: error: {}\n", kProgram, what);
  if (!fix.empty()) text += fmt::format("  fix: {}\n", fix);
  text += fmt::format("  see: {} --help\n", path);
  return {text::ToInt(text::ExitCode::kUsage), text};
}

CommandLineEnd Grammar::UnknownVerb(const std::vector<std::string>& arguments) const {
  const ArgumentShape shape = Shape();
  std::vector<std::string> verbs;
  verbs.reserve(shape.verbs.size());
  for (const auto& [verb, inner] : shape.verbs) verbs.push_back(verb);
  const std::string* word = nullptr;
  for (std::size_t i = 0; i < arguments.size() && word == nullptr; ++i) {
    if (shape.with_values.contains(arguments[i])) {
      ++i;  // its value
    } else if (!arguments[i].starts_with('-')) {
      word = &arguments[i];
    }
  }
  if (word == nullptr) return UsageError("no verb is given", "for example: run");
  const auto near = text::Suggest(*word, verbs);
  return UsageError(fmt::format("unknown verb {}", *word),
                    near ? fmt::format("did you mean {}?", *near)
                         : fmt::format("choose {}", fmt::join(verbs, ", ")));
}

CommandLineEnd Grammar::Unexpected(const std::vector<std::string>& extras) const {
  const CLI::App* verb = Chosen();
  std::vector<std::string> known;
  for (const CLI::Option* option : verb->get_options()) {
    for (const auto& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (const CLI::App* nested : verb->get_subcommands(nullptr)) known.push_back(nested->get_name());
  const std::string& first = extras.front();
  const auto near = text::Suggest(first.substr(0, first.find('=')), known);
  return UsageError(fmt::format("{} is not known here", first),
                    near ? fmt::format("did you mean {}?", *near) : "");
}

std::optional<CommandLineEnd> Grammar::CheckReplay() const {
  const commands::ReplayOptions& replay = targets_.replay;
  const bool by_offset = replay.from_offset || replay.to_offset;
  const bool by_time = replay.from_time || replay.to_time;
  bool is_empty = false;
  if (!by_time && replay.from_offset && replay.to_offset) {
    is_empty = *replay.from_offset >= *replay.to_offset;
  } else if (!by_offset && replay.from_time && replay.to_time) {
    is_empty = *replay.from_time >= *replay.to_time;
  } else {
    return UsageError("a range is needed",
                      "give --from-offset with --to-offset, or --from-time with --to-time");
  }
  if (is_empty) return UsageError("the range is empty", "--to-* is exclusive, and after --from-*");
  return std::nullopt;
}

std::optional<CommandLineEnd> Grammar::CheckSelections() const {
  const VerbOptions& chosen = targets_.chosen;
  const commands::SummariesOptions& summaries = targets_.summaries;
  const commands::DeadLetterOptions& dead_letters = targets_.dead_letters;
  if (std::holds_alternative<commands::ReplayOptions>(chosen)) return CheckReplay();
  if (std::holds_alternative<commands::SummariesOptions>(chosen) && summaries.from &&
      summaries.to && summaries.from->value >= summaries.to->value) {
    return UsageError("the range is empty", "--to is exclusive, and after --from");
  }
  if (!std::holds_alternative<commands::DeadLetterOptions>(chosen)) return std::nullopt;
  const bool selects =
      !dead_letters.ids.empty() || !dead_letters.reason.empty() || dead_letters.since;
  if (dead_letters.action == commands::DeadLetterAction::kShow && dead_letters.ids.empty()) {
    return UsageError("which one?", "give --id; `dead-letters list` shows the ids");
  }
  if (dead_letters.action == commands::DeadLetterAction::kDiscard && !selects &&
      !dead_letters.all) {
    return UsageError("this would give up every pending dead letter",
                      "select by --id, --reason or --since, or say --all");
  }
  return std::nullopt;
}

std::expected<CommandLine, CommandLineEnd> Grammar::Parse(
    const std::vector<std::string>& arguments) {
  const ArgumentShape shape = Shape();
  std::vector<std::string> ordered = VerbsFirst(arguments, shape);
  const bool asks_for_help = !ordered.empty() && (ordered[0] == "--help" || ordered[0] == "-h");
  if (!asks_for_help && (ordered.empty() || !shape.verbs.contains(ordered.front()))) {
    return std::unexpected(UnknownVerb(arguments));
  }
  std::ranges::reverse(ordered);  // CLI11 takes them from the back
  try {
    app_.parse(ordered);
  } catch (const CLI::CallForHelp&) {
    return std::unexpected(CommandLineEnd{0, Chosen()->help()});
  } catch (const CLI::ExtrasError&) {
    return std::unexpected(Unexpected(Chosen()->remaining()));
  } catch (const CLI::ParseError& error) {
    const auto left = Chosen()->remaining();
    const bool wants_sub_verb = !Chosen()->get_subcommands(nullptr).empty();
    if (wants_sub_verb && !left.empty()) return std::unexpected(Unexpected(left));
    return std::unexpected(UsageError(error.what(), ""));
  }
  if (auto wrong = CheckSelections()) return std::unexpected(*wrong);
  const bool is_default = Chosen()->get_option("--config")->count() == 0;
  return CommandLine{targets_.config_path, is_default, targets_.chosen};
}

}  // namespace

std::expected<CommandLine, CommandLineEnd> ParseCommandLine(std::vector<std::string> arguments) {
  if (arguments == std::vector<std::string>{"--version"}) arguments = {"version"};
  Grammar grammar;
  return grammar.Parse(arguments);
}

}  // namespace usage_ingest::cli
