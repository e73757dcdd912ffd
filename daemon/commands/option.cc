#include "daemon/commands/option.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/config/config.h"
#include "daemon/text/suggest.h"
#include "daemon/text/units.h"
#include "schema/reasons.h"

namespace usage_ingest::commands {
namespace {

// What is typed by mistake may be long, such as the contents of a file.
constexpr std::size_t kShownCharsMax = 40;

std::string Shown(const std::string& value) {
  return value.size() <= kShownCharsMax ? value : value.substr(0, kShownCharsMax) + "...";
}

Problem NotANumber(const std::string& value, std::int64_t min = 0) {
  return {.what = fmt::format("must be a whole number from {}, not {}", min, Shown(value)),
          .fix = "for example 42"};
}

std::optional<Problem> SetTime(const std::string& value, std::optional<EventTimeUs>& target) {
  target = text::ParseIsoTime(value);
  if (const auto ago = text::ParseDuration(value); !target && ago) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    target = EventTimeUs{std::chrono::duration_cast<std::chrono::microseconds>(now - *ago).count()};
  }
  if (target) return std::nullopt;
  return Problem{
      .what = fmt::format("{} is not a time", Shown(value)),
      .fix = "use 2026-11-22T18:00:00Z (UTC when no zone is given), or 7d for 7 days ago"};
}

std::optional<Problem> SetChoice(const std::string& value, const std::vector<std::string>& choices,
                                 std::string& target) {
  if (std::ranges::find(choices, value) == choices.end()) {
    const auto near = text::Suggest(value, choices);
    return Problem{.what = fmt::format("cannot be {}", Shown(value)),
                   .fix = near ? fmt::format("did you mean {}?", *near)
                               : fmt::format("choose {}", fmt::join(choices, ", "))};
  }
  target = value;
  return std::nullopt;
}

Option Named(OptionText text) {
  return {.names = {std::move(text.name)},
          .value_name = std::move(text.value_name),
          .help = std::move(text.help),
          .set = {}};
}

}  // namespace

Option Flag(std::string name, std::string help, bool& target) {
  Option option = Named({std::move(name), {}, std::move(help)});
  option.set = [&target](const std::string&) {
    target = true;
    return std::nullopt;
  };
  return option;
}

Option TextOption(OptionText text, std::string& target) {
  Option option = Named(std::move(text));
  option.set = [&target](const std::string& value) {
    target = value;
    return std::nullopt;
  };
  return option;
}

Option ChoiceOption(OptionText text, std::vector<std::string> choices, std::string& target) {
  Option option = Named(std::move(text));
  option.choices = std::move(choices);
  option.set = [choices = option.choices, &target](const std::string& value) {
    return SetChoice(value, choices, target);
  };
  return option;
}

Option NumberOption(OptionText text, std::optional<std::int64_t>& target, std::int64_t min) {
  Option option = Named(std::move(text));
  option.set = [&target, min](const std::string& value) -> std::optional<Problem> {
    target = text::ParseNumber<std::int64_t>(value);
    if (!target || *target < min) return NotANumber(value, min);
    return std::nullopt;
  };
  return option;
}

Option NumbersOption(OptionText text, std::vector<std::int64_t>& target, std::int64_t max) {
  Option option = Named(std::move(text));
  option.is_repeatable = true;
  option.set = [&target, max](const std::string& value) -> std::optional<Problem> {
    const auto number = text::ParseNumber<std::int64_t>(value);
    if (!number || *number < 0 || *number > max) return NotANumber(value);
    target.push_back(*number);
    return std::nullopt;
  };
  return option;
}

Option TimeOption(std::string name, const std::string& help, std::optional<EventTimeUs>& target) {
  Option option =
      Named({std::move(name), "TIME", help + ", such as 2026-11-22T18:00 (UTC) or 7d (days ago)"});
  option.set = [&target](const std::string& value) { return SetTime(value, target); };
  return option;
}

Option FilesOperand(std::string help, std::vector<std::string>& target) {
  return {.names = {},
          .value_name = kFileValue,
          .help = std::move(help),
          .is_required = true,
          .is_repeatable = true,
          .set = [&target](const std::string& value) {
            target.push_back(value);
            return std::nullopt;
          }};
}

Option ChoiceOperand(OptionText text, std::vector<std::string> choices, std::string& target) {
  Option option = ChoiceOption(std::move(text), std::move(choices), target);
  option.names.clear();
  return Required(std::move(option));
}

Option Required(Option option) {
  option.is_required = true;
  return option;
}

Option JsonFlag(bool& target) {
  return Flag("--json", "print one JSON object instead of a table", target);
}

Option DryRunFlag(bool& target) {
  return Flag("--dry-run", "count the events, write nothing", target);
}

Option NoQuotaFlag(bool& target) {
  return Flag("--no-quota",
              "write rows and summaries, leave used_* unchanged: to fill in earlier months",
              target);
}

Option NoHistoryFlag(bool& target) {
  return Flag("--no-history",
              "leave usage_daily unchanged: for rows that were lost and are in the history",
              target);
}

Option ReasonOption(std::string& target) {
  return ChoiceOption({"--reason", "REASON", "only those with this reason"},
                      {kDeadLetterReasonNames.begin(), kDeadLetterReasonNames.end()}, target);
}

std::vector<Option> GlobalOptions(GlobalArguments& target) {
  Option config =
      TextOption({"-c", kFileValue,
                  fmt::format("configuration file (default {})", config::kDefaultConfigPath)},
                 target.config_path);
  Option help = Flag("-h", "show this help", target.help);
  Option version = Flag("-V", "show the version", target.version);
  config.names.emplace_back("--config");
  help.names.emplace_back("--help");
  version.names.emplace_back("--version");
  return {std::move(config), std::move(help), std::move(version)};
}

}  // namespace usage_ingest::commands
