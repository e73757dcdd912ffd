#pragma once
// What `replay`, `import` and `dead-letters retry` print as JSON at their end, and the name that an
// imported file has as a topic.
#include <cstdint>
#include <stdexcept>
#include <string>

#include "tests/support/postgres/database.h"

namespace usage_ingest::support {

// A number of the one JSON object in the last line.
inline std::int64_t ReportField(const std::string& output, const std::string& name) {
  const std::size_t line = output.rfind("\n{");
  const std::size_t at = output.find("\"" + name + "\"", line == std::string::npos ? 0 : line);
  if (at == std::string::npos) throw std::runtime_error("no " + name + " in: " + output);
  return std::stoll(output.substr(output.find(':', at) + 1));
}

inline std::string ImportTopic(Database& database, const std::string& bytes) {
  return "import:" +
         database.Value("SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')", {bytes});
}

}  // namespace usage_ingest::support
