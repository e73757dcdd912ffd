#include "ingest/kafka/consumer/position_check.h"

#include <utility>

#include "schema/check.h"

namespace usage_ingest::kafka::consumer {

void PositionCheck::Reset(TimePoint now) {
  last_ = now;
  committed_.clear();
}

bool PositionCheck::IsDue(TimePoint now, std::span<const AssignedPartition> partitions) {
  if (!committed_.empty() || now - last_ < interval_) return false;
  last_ = now;
  for (const AssignedPartition& partition : partitions) {
    committed_.push_back(partition.committed());
  }
  return !committed_.empty();
}

bool PositionCheck::HasGoneBack(std::span<const StoredOffset> stored) {
  const std::vector<Offset> before = std::exchange(committed_, {});
  USAGE_INGEST_CHECK(stored.size() == before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (stored[i].next_offset < before[i]) return true;
  }
  return false;
}

}  // namespace usage_ingest::kafka::consumer
