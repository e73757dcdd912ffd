#pragma once
// Compare: two lists of lines that must be the same, and a failure that a person can read.
#include <string>
#include <vector>

namespace usage_ingest::support {

// Both sorted. Fails the running test and shows the first few lines that only one side has.
void ExpectSameLines(const std::string& what, const std::vector<std::string>& expected,
                     const std::vector<std::string>& actual);

}  // namespace usage_ingest::support
