#include "tests/support/compare.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace usage_ingest::support {
namespace {

std::string FirstOf(const std::vector<std::string>& lines,
                    const std::vector<std::string>& without) {
  constexpr std::size_t kShown = 5;
  std::vector<std::string> only;
  std::set_difference(lines.begin(), lines.end(), without.begin(), without.end(),
                      std::back_inserter(only));
  std::string text = std::to_string(only.size()) + " of " + std::to_string(lines.size());
  for (std::size_t i = 0; i < std::min(kShown, only.size()); ++i) text += "\n    " + only[i];
  return text;
}

}  // namespace

void ExpectSameLines(const std::string& what, const std::vector<std::string>& expected,
                     const std::vector<std::string>& actual) {
  if (expected == actual) return;
  ADD_FAILURE() << what << " differ\n  only expected: " << FirstOf(expected, actual)
                << "\n  only found: " << FirstOf(actual, expected);
}

}  // namespace usage_ingest::support
