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
  std::int64_t set_aside = 0;
  for (const SetAsideStatus& group : snapshot.set_aside) set_aside += group.events;
  if (set_aside > 0) line += fmt::format(", {} EVENTS SET ASIDE", set_aside);
  if (snapshot.missing_rows && snapshot.missing_rows->samples > 0) line += ", ROWS MISSING";
  return line;
}

}  // namespace usage_ingest::telemetry
