#pragma once
// ProcessStats: the kernel's figures of this process, for the process_* metrics.
//
// prometheus-cpp has no process collector.
//
// Errors        a figure that /proc does not have (another mount namespace) stays 0.
// Source        proc(5): /proc/self/stat fields 14, 15, 22, 23, 24; /proc/stat btime.
#include <cstdint>

namespace usage_ingest::telemetry {

struct ProcessStats {
  double cpu_seconds = 0;
  double start_time_seconds = 0;
  std::int64_t resident_bytes = 0;
  std::int64_t virtual_bytes = 0;
  std::int64_t open_fds = 0;
  std::int64_t max_fds = 0;
};

[[nodiscard]] ProcessStats ReadProcessStats();

}  // namespace usage_ingest::telemetry
