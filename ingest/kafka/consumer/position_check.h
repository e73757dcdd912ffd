#pragma once
// PositionCheck: notices that PostgreSQL went back although nothing new comes to trip over it.
//
// After a fail-over to a replica that missed the last commits the offsets rows are lower than what
// lanes had committed. The next batch of the partition would meet that in its compare-and-set; but
// a partition that is quiet has no next batch, and what was lost would stay lost until it has. So
// the rows are read now and then while reading goes on.
//
// Owner         the consumer thread. Time is an argument.
// Invariants    what is compared was reported before the rows were asked for, so rows that are
//               lower did go back; a commit that comes in between is no false alarm.
#include <chrono>
#include <span>
#include <vector>

#include "ingest/kafka/consumer/assigned_partition.h"

namespace usage_ingest::kafka::consumer {

class PositionCheck {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  explicit PositionCheck(std::chrono::milliseconds interval) : interval_(interval) {}

  // A new epoch is being read, from rows that were just looked at.
  void Restart(TimePoint now);
  // True: ask for the rows of `partitions` now. Once an interval, and not while an answer is due.
  [[nodiscard]] bool IsDue(TimePoint now, std::span<const AssignedPartition> partitions);
  // The answer, in the order of the partitions.
  [[nodiscard]] bool HasGoneBack(std::span<const StoredOffset> stored);

 private:
  std::chrono::milliseconds interval_;
  TimePoint last_;
  std::vector<Offset> committed_;  // when it was asked; empty: nothing is under way
};

}  // namespace usage_ingest::kafka::consumer
