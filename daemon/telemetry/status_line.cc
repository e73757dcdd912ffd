#include "daemon/telemetry/status_line.h"

#include <fmt/format.h>

#include <algorithm>

namespace usage_ingest::telemetry {

std::string StatusLine(const StatusSnapshot& snapshot) {
  if (!snapshot.readiness.ready) return fmt::format("waiting: {}", snapshot.readiness.reason);
  const std::string lag = snapshot.lag ? fmt::format("{} events ({:.1f} s)", snapshot.lag->records,
                                                     snapshot.lag->seconds)
                                       : "unknown";
  std::string line =
      fmt::format("{:.0f} events/s, lag {}, {} partitions, {} dead letters", snapshot.rate, lag,
                  snapshot.partitions.size(), snapshot.totals.dead_lettered);
  const auto stuck = std::ranges::count_if(
      snapshot.partitions, [](const PartitionStatus& each) { return each.stuck.has_value(); });
  if (stuck > 0) line += fmt::format(", {} PARTITIONS NOT READ", stuck);
  return line;
}

}  // namespace usage_ingest::telemetry
