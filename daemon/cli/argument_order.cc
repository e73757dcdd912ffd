#include "daemon/cli/argument_order.h"

#include <cstddef>

namespace usage_ingest::cli {

std::vector<std::string> VerbsFirst(const std::vector<std::string>& arguments,
                                    const ArgumentShape& shape) {
  std::vector<std::string> verbs;
  std::vector<std::string> rest;
  const auto is_next_verb = [&](const std::string& argument) {
    if (verbs.empty()) return shape.verbs.contains(argument);
    return verbs.size() == 1 && shape.verbs.at(verbs.front()).contains(argument);
  };
  bool only_options_so_far = true;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") {
      rest.insert(rest.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i), arguments.end());
      break;
    }
    const bool is_option = argument.size() > 1 && argument.front() == '-';
    if (!is_option && only_options_so_far && is_next_verb(argument)) {
      verbs.push_back(argument);
      continue;
    }
    only_options_so_far = only_options_so_far && is_option;
    rest.push_back(argument);
    if (shape.with_values.contains(argument) && i + 1 < arguments.size()) {
      rest.push_back(arguments[++i]);
    }
  }
  verbs.insert(verbs.end(), rest.begin(), rest.end());
  return verbs;
}

}  // namespace usage_ingest::cli
