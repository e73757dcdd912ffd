#pragma once
// LagTracker: how far each assigned partition is behind, in records and in seconds, right now.
//
// Age grows while nobody reports: a lane that hangs tells nothing, and that is when lag matters. So
// what was reported last is kept, and the age is computed when somebody asks. lag_seconds is the
// age by Kafka timestamp of the oldest record not yet committed, 0 when there is none; a record
// that was not even polled has no known timestamp and is counted from when it was first noticed.
//
// Thread-safety any thread; a mutex, taken once a second a partition, once a batch and at a scrape.
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "ingest/pipeline/observer.h"

namespace usage_ingest::telemetry {

// Milliseconds since the Unix epoch, as Kafka counts.
using WallClockMs = std::function<std::int64_t()>;
[[nodiscard]] std::int64_t SystemClockMs();

struct PartitionLagNow {
  const TopicPartition* source;
  Offset high_watermark;
  Offset committed;
  std::int64_t records = 0;
  double seconds = 0;
};

class LagTracker {
 public:
  explicit LagTracker(WallClockMs clock);

  void Report(const TopicPartition& source, const pipeline::PartitionLag& lag);
  // A partition that is not assigned any more is another process' to report.
  void KeepOnly(std::span<const TopicPartition* const> assigned);
  // Ordered by topic and partition.
  [[nodiscard]] std::vector<PartitionLagNow> Now() const;

 private:
  struct State {
    const TopicPartition* source;
    pipeline::PartitionLag lag;
    std::int64_t behind_since_ms = 0;  // 0: not behind
  };
  WallClockMs clock_;
  mutable std::mutex mutex_;
  std::map<TopicPartition, State> states_;
};

}  // namespace usage_ingest::telemetry
