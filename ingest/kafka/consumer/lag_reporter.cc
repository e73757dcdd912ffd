#include "ingest/kafka/consumer/lag_reporter.h"

#include <algorithm>

namespace usage_ingest::kafka::consumer {
namespace {

constexpr auto kInterval = std::chrono::seconds(1);

}  // namespace

void LagReporter::ReportWhenDue(TimePoint now, std::span<const AssignedPartition> partitions) {
  if (now - last_ < kInterval) return;
  last_ = now;
  for (const AssignedPartition& partition : partitions) {
    const auto log = client_.CachedWatermarks(*partition.source());
    if (!log) continue;
    telemetry_.On(
        pipeline::PartitionLag{.source = partition.source(),
                               .high_watermark = std::max(log->high, partition.position()),
                               .position = partition.position(),
                               .committed = partition.committed(),
                               .oldest_uncommitted_ms = partition.oldest_uncommitted_ms()});
  }
}

}  // namespace usage_ingest::kafka::consumer
