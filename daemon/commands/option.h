#pragma once
// Option: one option or operand of a command, as a value: how it is written, what it means, and
// where its value goes.
//
// The parser, `--help`, the manual page and the shell completions read the same Option, so that
// they cannot disagree.
//
// Errors        `set` returns what is wrong with a value; the problem's `what` continues the name.
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "schema/problem.h"
#include "schema/strong.h"

namespace usage_ingest::commands {

struct Option {
  std::vector<std::string> names;  // "-c", "--config": the last one is the long one; empty: operand
  std::string value_name;          // "FILE"; empty for a flag
  std::string help;                // a phrase without a full stop
  std::vector<std::string> choices = {};  // the only values; empty: any
  bool is_required = false;
  bool is_repeatable = false;
  std::string excludes = {};  // the long name of an option that may not be given with it
  std::function<std::optional<Problem>(const std::string& value)> set;

  [[nodiscard]] bool is_operand() const { return names.empty(); }
  [[nodiscard]] bool takes_value() const { return !value_name.empty(); }
  // "--config", or "FILE" for an operand.
  [[nodiscard]] const std::string& name() const { return is_operand() ? value_name : names.back(); }
};

inline constexpr auto kFileValue = "FILE";  // shells complete it with the names of files

// What an option is called and what it means; the functions below say what it sets.
struct OptionText {
  std::string name;
  std::string value_name;
  std::string help;
};

[[nodiscard]] Option Flag(std::string name, std::string help, bool& target);
[[nodiscard]] Option TextOption(OptionText text, std::string& target);
[[nodiscard]] Option ChoiceOption(OptionText text, std::vector<std::string> choices,
                                  std::string& target);
// Whole numbers, from 0 if nothing else is said.
[[nodiscard]] Option NumberOption(OptionText text, std::optional<std::int64_t>& target,
                                  std::int64_t min = 0);
[[nodiscard]] Option NumbersOption(OptionText text, std::vector<std::int64_t>& target,
                                   std::int64_t max = std::numeric_limits<std::int64_t>::max());
// A time such as 2026-11-22T18:00:00Z, or how long ago it was, such as 7d.
[[nodiscard]] Option TimeOption(std::string name, const std::string& help,
                                std::optional<EventTimeUs>& target);
[[nodiscard]] Option FilesOperand(std::string help, std::vector<std::string>& target);
[[nodiscard]] Option ChoiceOperand(OptionText text, std::vector<std::string> choices,
                                   std::string& target);

[[nodiscard]] Option Required(Option option);

// Options that several commands have.
[[nodiscard]] Option JsonFlag(bool& target);
[[nodiscard]] Option DryRunFlag(bool& target);     // of replay and import
[[nodiscard]] Option NoQuotaFlag(bool& target);    // likewise
[[nodiscard]] Option NoHistoryFlag(bool& target);  // likewise
[[nodiscard]] Option ReasonOption(std::string& target);

// Options of the program: they may stand before and after every command.
struct GlobalArguments {
  std::string config_path;  // empty: the default path, where a file need not exist
  bool help = false;
  bool version = false;
};
[[nodiscard]] std::vector<Option> GlobalOptions(GlobalArguments& target);

}  // namespace usage_ingest::commands
