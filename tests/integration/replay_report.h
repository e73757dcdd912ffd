#pragma once
// What `replay --json` and `import --json` print at their end.
#include <cstdint>
#include <stdexcept>
#include <string>

namespace usage_ingest::support {

// A number of the one JSON object in the last line.
inline std::int64_t ReportField(const std::string& output, const std::string& name) {
  const std::size_t line = output.rfind('{');
  const std::size_t at = output.find("\"" + name + "\"", line == std::string::npos ? 0 : line);
  if (at == std::string::npos) throw std::runtime_error("no " + name + " in: " + output);
  return std::stoll(output.substr(output.find(':', at) + 1));
}

}  // namespace usage_ingest::support
