#pragma once
// PositionCheck: notices that PostgreSQL lost commits, also on partitions where nothing new comes.
//
// After a fail-over to a replica without the last commits, the offsets rows are lower than what the
// lanes had committed. The next batch of a partition would notice in its compare-and-set. A quiet
// partition has no next batch, so the rows are read now and then while reading continues.
//
// Owner         the consumer thread. Time is an argument.
// Invariants    only offsets that were reported before the rows were requested are compared, so a
//               commit between request and answer is no false alarm.
#include <chrono>
#include <span>
#include <vector>

#include "ingest/kafka/consumer/assigned_partition.h"

namespace usage_ingest::kafka::consumer {

class PositionCheck {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  explicit PositionCheck(std::chrono::milliseconds interval) : interval_(interval) {}

  // A new epoch begins, from rows that were just read.
  void Reset(TimePoint now);
  // True: ask for the rows of `partitions` now. Once per interval, not while an answer is due.
  [[nodiscard]] bool IsDue(TimePoint now, std::span<const AssignedPartition> partitions);
  // The answer, in the order of the partitions.
  [[nodiscard]] bool HasGoneBack(std::span<const StoredOffset> stored);

 private:
  std::chrono::milliseconds interval_;
  TimePoint last_;
  std::vector<Offset> committed_;  // when the rows were requested; empty: no request is under way
};

}  // namespace usage_ingest::kafka::consumer
