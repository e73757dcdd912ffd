#include "daemon/telemetry/process_stats.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

namespace usage_ingest::telemetry {
namespace {

// The fields after the command's name, which may itself hold blanks and brackets: [0] is field 3.
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  std::vector<std::string> fields;
  const std::size_t bracket = text.rfind(')');
  if (bracket == std::string::npos) return fields;
  std::istringstream rest(text.substr(bracket + 1));
  for (std::string field; rest >> field;) fields.push_back(field);
  return fields;
}

double BootTimeSeconds() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

std::int64_t CountOpenFds() {
  std::error_code error;
  std::int64_t count = -1;  // the descriptor of the iteration itself
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++count;
  }
  return error ? 0 : count;
}

}  // namespace

ProcessStats ReadProcessStats() {
  ProcessStats stats;
  const auto fields = StatFields();
  const auto field = [&](std::size_t number) {
    return number - 3 < fields.size() ? std::strtod(fields[number - 3].c_str(), nullptr) : 0.0;
  };
  const auto ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  stats.cpu_seconds = (field(14) + field(15)) / ticks_per_second;
  stats.start_time_seconds = BootTimeSeconds() + field(22) / ticks_per_second;
  stats.virtual_bytes = static_cast<std::int64_t>(field(23));
  stats.resident_bytes =
      static_cast<std::int64_t>(field(24)) * static_cast<std::int64_t>(sysconf(_SC_PAGESIZE));
  stats.open_fds = CountOpenFds();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    stats.max_fds = static_cast<std::int64_t>(limit.rlim_cur);
  }
  return stats;
}

}  // namespace usage_ingest::telemetry
