#pragma once
// ConfigProblem: one thing that is wrong with the configuration, for a person to mend.
#include <string>
#include <vector>

namespace usage_ingest::text {

struct ConfigProblem {
  std::string where;  // "file:line", or "environment"
  std::string what;   // names the key; never the value of a secret
  std::string fix;
};
using ConfigProblems = std::vector<ConfigProblem>;

}  // namespace usage_ingest::text
