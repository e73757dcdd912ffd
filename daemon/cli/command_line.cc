#include "daemon/cli/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "daemon/cli/arguments.h"
#include "daemon/cli/help.h"
#include "daemon/text/suggest.h"
#include "daemon/text/user_error.h"
#include "schema/check.h"

namespace usage_ingest::cli {
namespace {

using commands::Option;
using MaybeProblem = std::optional<Problem>;

std::vector<std::string> NamesOf(std::span<const commands::CommandPtr> choice) {
  std::vector<std::string> names;
  for (const auto& command : choice) {
    if (!command->text().is_hidden) names.push_back(command->text().name);
  }
  std::ranges::sort(names);
  return names;
}

std::string DidYouMean(const std::string& given, const std::vector<std::string>& known,
                       std::string otherwise) {
  const auto near = text::Suggest(given, known);
  return near ? fmt::format("did you mean {}?", *near) : std::move(otherwise);
}

CommandLineEnd UsageError(const Problem& problem, const std::string& path) {
  std::string text = fmt::format("{}: error: {}\n", kProgram, problem.what);
  if (!problem.fix.empty()) text += fmt::format("  fix: {}\n", problem.fix);
  text += fmt::format("  see: {} --help\n", path);
  return {text::ToInt(text::ExitCode::kUsage), std::move(text)};
}

// A command, or a subcommand, that does not exist.
MaybeProblem CheckWords(const Arguments& given, const commands::CommandList& all) {
  const auto choice = given.command == nullptr ? std::span(all) : given.command->subcommands();
  if (choice.empty() || given.operands.empty()) return std::nullopt;
  const auto names = NamesOf(choice);
  const std::string& word = given.operands.front();
  return Problem{.what = fmt::format("unknown command {}", word),
                 .fix = DidYouMean(word, names, fmt::format("choose {}", fmt::join(names, ", ")))};
}

MaybeProblem CheckIsComplete(const Arguments& given) {
  if (given.command == nullptr) {
    return Problem{.what = "no command is given", .fix = "for example: usage-ingestd run"};
  }
  const auto choice = given.command->subcommands();
  if (choice.empty()) return std::nullopt;
  return Problem{.what = "a subcommand is required",
                 .fix = fmt::format("choose {}", fmt::join(NamesOf(choice), ", "))};
}

// Hands the values to the options of one command.
class Binder {
 public:
  Binder(const Arguments& given, std::vector<Option> options)
      : given_(given), options_(std::move(options)) {}

  // The order is that of the messages: a misspelt option is the reason why another one is missing.
  MaybeProblem Bind() {
    for (const auto step : {&Binder::FindUnknown, &Binder::SetOptions, &Binder::SetOperands,
                            &Binder::FindMissing, &Binder::FindExcluded}) {
      if (auto problem = (this->*step)()) return problem;
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] const Option* Find(const std::string& name) const {
    const auto found = std::ranges::find_if(options_, [&](const Option& option) {
      return std::ranges::find(option.names, name) != option.names.end();
    });
    return found == options_.end() ? nullptr : &*found;
  }

  [[nodiscard]] Problem Unexpected(const std::string& word) const {
    std::vector<std::string> known;
    for (const Option& option : options_) {
      if (!option.is_operand()) known.push_back(option.name());
    }
    return {.what = fmt::format("{} is not known here", word), .fix = DidYouMean(word, known, "")};
  }

  MaybeProblem FindUnknown() {
    for (const GivenOption& option : given_.options) {
      if (Find(option.name) == nullptr) return Unexpected(option.name);
    }
    return std::nullopt;
  }

  MaybeProblem SetOptions() {
    for (const GivenOption& given : given_.options) {
      const Option& option = *Find(given.name);
      if (option.takes_value() && !given.value) {
        return Problem{.what = fmt::format("{} needs a value", given.name),
                       .fix = fmt::format("{} {}", given.name, option.value_name)};
      }
      if (!option.takes_value() && given.value) {
        return Problem{.what = fmt::format("{} takes no value", given.name)};
      }
      if (auto problem = Set(option, given.value.value_or(""))) return problem;
    }
    return std::nullopt;
  }

  MaybeProblem SetOperands() {
    const auto operand = std::ranges::find_if(options_, &Option::is_operand);
    for (const std::string& word : given_.operands) {
      if (operand == options_.end()) return Unexpected(word);
      if (auto problem = Set(*operand, word)) return problem;
    }
    return std::nullopt;
  }

  MaybeProblem Set(const Option& option, const std::string& value) {
    if (++times_set_[option.name()] > 1 && !option.is_repeatable) {
      return Problem{.what = fmt::format("{} is given twice", option.name())};
    }
    auto problem = option.set(value);
    if (problem) problem->what = fmt::format("{} {}", option.name(), problem->what);
    return problem;
  }

  MaybeProblem FindMissing() {
    for (const Option& option : options_) {
      if (option.is_required && !times_set_.contains(option.name())) {
        return Problem{.what = fmt::format("{} is required", option.name())};
      }
    }
    return std::nullopt;
  }

  MaybeProblem FindExcluded() {
    for (const Option& option : options_) {
      if (times_set_.contains(option.name()) && times_set_.contains(option.excludes)) {
        return Problem{.what = fmt::format("{} excludes {}", option.name(), option.excludes)};
      }
    }
    return std::nullopt;
  }

  const Arguments& given_;
  std::vector<Option> options_;
  std::map<std::string, int> times_set_;
};

commands::Command* Find(const commands::CommandList& all, std::string_view name) {
  const auto found =
      std::ranges::find_if(all, [&](const auto& command) { return command->text().name == name; });
  USAGE_INGEST_CHECK(found != all.end());
  return found->get();
}

}  // namespace

std::expected<CommandLine, CommandLineEnd> ParseCommandLine(
    const commands::CommandList& all, const std::vector<std::string>& arguments) {
  const Arguments given = SplitArguments(all, arguments);
  const auto refused = [&](const Problem& problem) {
    return std::unexpected(UsageError(problem, given.path));
  };
  if (const auto problem = CheckWords(given, all)) return refused(*problem);
  if (given.Has("-h", "--help")) {
    return std::unexpected(CommandLineEnd{0, HelpText(all, given.command, given.path)});
  }
  if (given.Has("-V", "--version")) return CommandLine{Find(all, "version"), {}};
  if (const auto problem = CheckIsComplete(given)) return refused(*problem);
  commands::GlobalArguments global;
  std::vector<Option> options = given.command->Options();
  std::ranges::move(commands::GlobalOptions(global), std::back_inserter(options));
  if (const auto problem = Binder(given, std::move(options)).Bind()) return refused(*problem);
  if (const auto problem = given.command->Check()) return refused(*problem);
  return CommandLine{given.command, global.config_path};
}

}  // namespace usage_ingest::cli
