#include "daemon/cli/arguments.h"

#include <algorithm>
#include <cstddef>
#include <span>

namespace usage_ingest::cli {
namespace {

class Splitter {
 public:
  explicit Splitter(const commands::CommandList& all) : all_(all) {
    commands::GlobalArguments unused;
    Learn(commands::GlobalOptions(unused));
    for (const auto& command : all) {
      Learn(command->Options());
      for (const auto& subcommand : command->subcommands()) Learn(subcommand->Options());
    }
    result_.path = kProgram;
  }

  Arguments Split(const std::vector<std::string>& arguments) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string& argument = arguments[i];
      const bool has_next = i + 1 < arguments.size();
      if (argument == "--") {
        const auto rest = std::span(arguments).subspan(i + 1);
        result_.operands.insert(result_.operands.end(), rest.begin(), rest.end());
        break;
      }
      if (argument.size() < 2 || argument.front() != '-') {
        AddWord(argument);
      } else if (has_next && with_value_.contains(argument) && !names_.contains(arguments[i + 1])) {
        result_.options.push_back({argument, arguments[++i]});
      } else {
        AddOption(argument);
      }
    }
    return std::move(result_);
  }

 private:
  void Learn(const std::vector<commands::Option>& options) {
    for (const commands::Option& option : options) {
      names_.insert(option.names.begin(), option.names.end());
      if (option.takes_value()) with_value_.insert(option.names.begin(), option.names.end());
    }
  }

  void AddWord(const std::string& word) {
    const std::span<const commands::CommandPtr> choice =
        result_.command == nullptr ? std::span(all_) : result_.command->subcommands();
    const auto found = std::ranges::find_if(
        choice, [&](const auto& command) { return command->text().name == word; });
    if (found == choice.end() || !result_.operands.empty()) {
      result_.operands.push_back(word);
      return;
    }
    result_.command = found->get();
    result_.path += ' ' + word;
  }

  // With its value in the same argument, or without one.
  void AddOption(const std::string& argument) {
    const bool is_long = argument.starts_with("--");
    const std::size_t equals = is_long ? argument.find('=') : std::string::npos;
    if (equals != std::string::npos) {
      result_.options.push_back({argument.substr(0, equals), argument.substr(equals + 1)});
    } else if (!is_long && with_value_.contains(argument.substr(0, 2)) && argument.size() > 2) {
      result_.options.push_back({argument.substr(0, 2), argument.substr(2)});
    } else {
      result_.options.push_back({argument, std::nullopt});
    }
  }

  const commands::CommandList& all_;
  std::set<std::string> names_;  // of the options of all commands
  std::set<std::string> with_value_;
  Arguments result_;
};

}  // namespace

bool Arguments::Has(const std::string& short_name, const std::string& long_name) const {
  return std::ranges::any_of(options, [&](const GivenOption& option) {
    return option.name == short_name || option.name == long_name;
  });
}

Arguments SplitArguments(const commands::CommandList& all,
                         const std::vector<std::string>& arguments) {
  return Splitter(all).Split(arguments);
}

}  // namespace usage_ingest::cli
