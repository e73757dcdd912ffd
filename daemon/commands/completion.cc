// `completion`: a script by which a shell completes commands, options and choices.
//
// Each script walks the words before the cursor, as daemon/cli/arguments.cc does, to find the
// command; then it offers what that command takes.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <set>

#include "daemon/commands/command_list.h"

namespace usage_ingest::commands {
namespace {

// One command with what may follow it. `path` is "" for the program, " dead-letters list" for a
// subcommand: the words with a space before each.
struct Place {
  std::string path;
  std::span<const CommandPtr> subcommands;
  std::vector<Option> options;  // with the global ones
};

std::vector<Place> PlacesOf(std::span<const CommandPtr> commands, const std::string& path,
                            std::vector<Option> own) {
  GlobalArguments unused;
  std::ranges::move(GlobalOptions(unused), std::back_inserter(own));
  std::vector<Place> places{{path, commands, std::move(own)}};
  for (const CommandPtr& command : commands) {
    if (command->text().is_hidden) continue;
    const std::string inner = path + ' ' + command->text().name;
    std::ranges::move(PlacesOf(command->subcommands(), inner, command->Options()),
                      std::back_inserter(places));
  }
  return places;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + '\'';
}

const Option* OperandOf(const Place& place) {
  const auto found = std::ranges::find_if(place.options, &Option::is_operand);
  return found == place.options.end() ? nullptr : &*found;
}

bool TakesFiles(const Place& place) {
  const Option* operand = OperandOf(place);
  return operand != nullptr && operand->value_name == kFileValue;
}

// Names of the options whose value is the next word, for a pattern: "--config|-c".
struct NamesWithValue {
  explicit NamesWithValue(const std::vector<Place>& places) {
    for (const Place& place : places) {
      for (const Option& option : place.options) {
        if (!option.takes_value()) continue;
        auto& names = option.value_name == kFileValue ? files : others;
        names.insert(option.names.begin(), option.names.end());
      }
    }
  }
  [[nodiscard]] std::string All(std::string_view separator) const {
    return fmt::format("{}{}{}", fmt::join(files, separator), separator,
                       fmt::join(others, separator));
  }

  std::set<std::string> files;
  std::set<std::string> others;
};

std::vector<std::string> QuotedPaths(const std::vector<Place>& places) {
  std::vector<std::string> paths;
  for (const Place& place : places) {
    if (!place.path.empty()) paths.push_back(Quoted(place.path));
  }
  return paths;
}

std::vector<std::string> WordsOf(const Place& place) {
  std::vector<std::string> words;
  for (const CommandPtr& command : place.subcommands) {
    if (!command->text().is_hidden) words.push_back(command->text().name);
  }
  if (const Option* operand = OperandOf(place)) {
    words.insert(words.end(), operand->choices.begin(), operand->choices.end());
  }
  return words;
}

std::vector<std::string> OptionNames(const Place& place) {
  std::vector<std::string> names;
  for (const Option& option : place.options) {
    if (!option.is_operand()) names.push_back(option.name());
  }
  return names;
}

std::string Bash(const std::vector<Place>& places) {
  const NamesWithValue with_value(places);
  std::string choices;
  std::string words;
  for (const Place& place : places) {
    for (const Option& option : place.options) {
      if (option.is_operand() || option.choices.empty()) continue;
      choices += fmt::format("    {}) words='{}' ;;\n", Quoted(place.path + ' ' + option.name()),
                             fmt::join(option.choices, " "));
    }
    words += fmt::format("    {}) words='{}' options='{}' files={} ;;\n", Quoted(place.path),
                         fmt::join(WordsOf(place), " "), fmt::join(OptionNames(place), " "),
                         TakesFiles(place) ? "yes" : "");
  }
  return fmt::format(
      R"(# bash completion of usage-ingestd, made by `usage-ingestd completion bash`
_usage_ingestd() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  local at='' words='' options='' files='' i
  # "--reason=x" arrives as three words.
  if [[ $cur == = ]]; then
    cur=''
  elif [[ $prev == = ]]; then
    prev=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${{COMP_WORDS[i]}} in
      {0}) if [[ ${{COMP_WORDS[++i]}} == = ]]; then ((i++)); fi ;;
      *) case "$at ${{COMP_WORDS[i]}}" in {1}) at+=" ${{COMP_WORDS[i]}}" ;; esac ;;
    esac
  done
  case $at in
{2}  esac
  case $prev in
    {3}) words='' options='' files=yes ;;
    {5}) words='' options='' files='' ;;
  esac
  case "$at $prev" in
{4}  esac
  if [[ $files && $cur != -* ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  fi
}}
complete -F _usage_ingestd usage-ingestd
)",
      with_value.All("|"), fmt::join(QuotedPaths(places), "|"), words,
      fmt::join(with_value.files, "|"), choices, fmt::join(with_value.others, "|"));
}

// 'name:description', as _describe takes it.
std::string Described(const std::string& name, const std::string& help) {
  return Quoted(name + ':' + help);
}

std::string ZshPlace(const Place& place) {
  std::string words;
  std::string options;
  for (const CommandPtr& command : place.subcommands) {
    if (command->text().is_hidden) continue;
    words += ' ' + Described(command->text().name, command->text().summary);
  }
  for (const Option& option : place.options) {
    if (!option.is_operand()) options += ' ' + Described(option.name(), option.help);
    if (option.is_operand() && !option.choices.empty()) {
      words += fmt::format(" {}", fmt::join(option.choices, " "));
    }
  }
  return fmt::format("    ({}) found=({} ) opts=({} ) files={} ;;\n", Quoted(place.path), words,
                     options, TakesFiles(place) ? "yes" : "");
}

std::string Zsh(const std::vector<Place>& places) {
  const NamesWithValue with_value(places);
  std::string choices;
  std::string words;
  for (const Place& place : places) {
    words += ZshPlace(place);
    for (const Option& option : place.options) {
      if (option.is_operand() || option.choices.empty()) continue;
      choices +=
          fmt::format("    ({}) compadd -- {}; return ;;\n",
                      Quoted(place.path + ' ' + option.name()), fmt::join(option.choices, " "));
    }
  }
  return fmt::format(
      R"(#compdef usage-ingestd
# zsh completion of usage-ingestd, made by `usage-ingestd completion zsh`
_usage_ingestd() {{
  local at='' files='' previous=$words[CURRENT-1]
  local -a found opts
  integer i
  for ((i = 2; i < CURRENT; i++)); do
    case $words[i] in
      ({0}) ((i++)) ;;
      (*) case "$at $words[i]" in ({1}) at+=" $words[i]" ;; esac ;;
    esac
  done
  if [[ $PREFIX == --*=* ]]; then
    previous=${{PREFIX%%=*}}
    compset -P '*='
  fi
  case "$at $previous" in
{4}  esac
  case $previous in
    ({3}) _files; return ;;
    ({5}) _message value; return ;;
  esac
  case $at in
{2}  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option opts
  elif [[ -n $files ]]; then
    _files
  else
    _describe command found
  fi
}}
if [[ $funcstack[1] == _usage_ingestd ]]; then
  _usage_ingestd "$@"
else
  compdef _usage_ingestd usage-ingestd
fi
)",
      with_value.All("|"), fmt::join(QuotedPaths(places), "|"), words,
      fmt::join(with_value.files, "|"), choices, fmt::join(with_value.others, "|"));
}

std::string FishOption(const Place& place, const Option& option) {
  std::string line =
      fmt::format("complete -c usage-ingestd -n \"__usage_ingestd_at '{}'\"", place.path);
  for (const std::string& name : option.names) {
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  }
  if (option.takes_value()) line += option.value_name == kFileValue ? " -r -F" : " -x";
  if (!option.choices.empty()) line += fmt::format(" -a '{}'", fmt::join(option.choices, " "));
  return line + " -d " + Quoted(option.help) + '\n';
}

std::string FishPlace(const Place& place) {
  const std::string begin =
      fmt::format("complete -c usage-ingestd -n \"__usage_ingestd_at '{}'\"", place.path);
  std::string text;
  for (const CommandPtr& command : place.subcommands) {
    if (command->text().is_hidden) continue;
    text += fmt::format("{} -a {} -d {}\n", begin, command->text().name,
                        Quoted(command->text().summary));
  }
  for (const Option& option : place.options) {
    if (!option.is_operand()) text += FishOption(place, option);
    if (option.is_operand() && !option.choices.empty()) {
      text += fmt::format("{} -a '{}'\n", begin, fmt::join(option.choices, " "));
    }
  }
  if (TakesFiles(place)) text += begin + " -F\n";
  return text;
}

std::string Fish(const std::vector<Place>& places) {
  std::string text = fmt::format(
      R"(# fish completion of usage-ingestd, made by `usage-ingestd completion fish`
function __usage_ingestd_at --description 'Is the cursor after this command?'
  set -l at ''
  set -l is_value 0
  for word in (commandline -opc)[2..]
    if test $is_value = 1
      set is_value 0
      continue
    end
    switch $word
      case {}
        set is_value 1
      case '*'
        switch "$at $word"
          case {}
            set at "$at $word"
        end
    end
  end
  test "$at" = "$argv[1]"
end
complete -c usage-ingestd -f
)",
      NamesWithValue(places).All(" "), fmt::join(QuotedPaths(places), " "));
  for (const Place& place : places) text += FishPlace(place);
  return text;
}

class Completion final : public Command {
 public:
  Completion()
      : Command({.name = "completion",
                 .summary = "Print a completion script for a shell",
                 .description = "The Debian package installs all three.",
                 .examples = {"source <(usage-ingestd completion bash)",
                              "usage-ingestd completion fish | source"}},
                {}) {}

  std::vector<Option> Options() override {
    return {ChoiceOperand({"", "SHELL", "the shell"}, {"bash", "zsh", "fish"}, shell_)};
  }

  int Run(const CommandContext& context) override {
    const auto places = PlacesOf(context.commands, "", {});
    std::cout << (shell_ == "bash" ? Bash(places) : shell_ == "zsh" ? Zsh(places) : Fish(places));
    return 0;
  }

 private:
  std::string shell_;
};

}  // namespace

CommandPtr MakeCompletion() { return std::make_unique<Completion>(); }

}  // namespace usage_ingest::commands
