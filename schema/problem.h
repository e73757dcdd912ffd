#pragma once
// Problem: what is wrong, where, and how to fix it; the one shape of every message for an operator.
//
// Used by configuration errors, command-line errors, UserError, the probe of the database and
// `check-config --connect`.
#include <string>
#include <vector>

namespace usage_ingest {

struct Problem {
  std::string what;        // never the value of a key: it may be a secret
  std::string where = {};  // "file:line", a key, a server; empty when `what` says it
  std::string fix = {};    // empty when there is nothing to do
};
using Problems = std::vector<Problem>;

// "<where>: <what>; fix: <fix>". REQUIRES: it has all three.
[[nodiscard]] inline std::string ToLine(const Problem& problem) {
  return problem.where + ": " + problem.what + "; fix: " + problem.fix;
}

}  // namespace usage_ingest
