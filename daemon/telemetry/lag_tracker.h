#pragma once
// LagTracker: how far each assigned partition is behind, in records and in seconds, right now.
//
// The age of the oldest record grows while nothing is reported: a lane that hangs reports nothing,
// and that is when lag matters. So the last report is kept, and the age is computed when it is
// asked for. lag_seconds is the age by Kafka timestamp of the oldest record not yet committed, 0
// when there is none. A record that is not polled yet has no known timestamp and is counted from
// when it was first noticed. The lag of a partition is unknown, never 0, until Kafka has told where
// its log ends, and when it has not told it lately.
//
// Thread-safety any thread; a mutex, taken once a second a partition, and at a scrape.
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "ingest/pipeline/telemetry.h"
#include "schema/mutex.h"

namespace usage_ingest::telemetry {

// Milliseconds since the Unix epoch, as Kafka counts.
using WallClockMs = std::function<std::int64_t()>;
[[nodiscard]] std::int64_t SystemClockMs();

struct PartitionLagNow {
  struct Known {
    Offset high_watermark;
    std::int64_t records = 0;
    double seconds = 0;
  };
  TopicPartition source;
  std::optional<Offset> committed;  // nullopt: nothing was reported yet
  std::optional<Known> known;       // nullopt: the lag is unknown
  std::int64_t unknown_ms = 0;      // for how long
};

class LagTracker {
 public:
  explicit LagTracker(WallClockMs clock);

  void Report(const pipeline::PartitionLag& lag);
  // What is assigned now. A partition that is not any more is reported by another process.
  void Assign(std::span<const TopicPartition* const> assigned);
  // Of each assigned partition; ordered by topic and partition.
  [[nodiscard]] std::vector<PartitionLagNow> Now() const;

 private:
  struct State {
    std::optional<pipeline::PartitionLag> lag;
    std::int64_t behind_since_ms = 0;  // 0: not behind
    std::int64_t unknown_since_ms = 0;
  };
  [[nodiscard]] static PartitionLagNow Now(const TopicPartition& source, const State& state,
                                           std::int64_t now);
  WallClockMs clock_;
  mutable Mutex mutex_;
  std::map<TopicPartition, State> states_ GUARDED_BY(mutex_);
};

}  // namespace usage_ingest::telemetry
