#include "daemon/telemetry/status_line.h"

#include <fmt/format.h>

namespace usage_ingest::telemetry {

std::string StatusLine(const StatusSnapshot& snapshot) {
  if (!snapshot.readiness.ready) return fmt::format("waiting: {}", snapshot.readiness.reason);
  return fmt::format("{:.0f} events/s, lag {} events ({:.1f} s), {} partitions, {} dead letters",
                     snapshot.rate, snapshot.lag_records, snapshot.lag_seconds,
                     snapshot.partitions.size(), snapshot.totals.dead_lettered);
}

}  // namespace usage_ingest::telemetry
