#pragma once
// Argument order: moves the verb to the front, so that options may stand anywhere.
//
// `usage-ingestd --dry-run migrate` is what people type when they add an option to the last line of
// their shell; CLI11 would ask the program, not the verb, for --dry-run.
#include <map>
#include <set>
#include <string>
#include <vector>

namespace usage_ingest::cli {

struct ArgumentShape {
  std::map<std::string, std::set<std::string>> verbs;  // "dead-letters" with "list", "show", ...
  std::set<std::string> with_values;                   // "--config": takes the next argument
};

// The verb, its sub-verb if it has some, then everything else in its order. Without a verb, or
// behind "--", nothing is moved.
[[nodiscard]] std::vector<std::string> VerbsFirst(const std::vector<std::string>& arguments,
                                                  const ArgumentShape& shape);

}  // namespace usage_ingest::cli
