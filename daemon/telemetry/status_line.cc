#include "daemon/telemetry/status_line.h"

#include <fmt/format.h>

namespace usage_ingest::telemetry {

std::string StatusLine(const StatusSnapshot& snapshot) {
  if (!snapshot.readiness.ready) return fmt::format("waiting: {}", snapshot.readiness.reason);
  const std::string lag = snapshot.lag ? fmt::format("{} events ({:.1f} s)", snapshot.lag->records,
                                                     snapshot.lag->seconds)
                                       : "unknown";
  return fmt::format("{:.0f} events/s, lag {}, {} partitions, {} dead letters", snapshot.rate, lag,
                     snapshot.partitions.size(), snapshot.totals.dead_lettered);
}

}  // namespace usage_ingest::telemetry
