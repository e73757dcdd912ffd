#pragma once
// LagSampler: about how old the oldest record is that was polled but is not in PostgreSQL yet.
//
// A timestamp for each record would cost too much memory. One sample for each turn of the poll
// loop, fewer when there are many, is exact enough for lag_seconds.
//
// Owner         the consumer thread, one for each assigned partition.
// Limit         kSamplesMax samples.
#include <cstdint>
#include <vector>

#include "schema/strong.h"

namespace usage_ingest::kafka::consumer {

class LagSampler {
 public:
  static constexpr std::size_t kSamplesMax = 128;

  // REQUIRES: offsets in increasing order.
  void Add(Offset offset, std::int64_t timestamp_ms);
  // Everything below `next` is in PostgreSQL.
  void Forget(Offset next);
  // Everything that was polled is in PostgreSQL. The last sample must go too: the next record may
  // come hours later and is not as old.
  void Clear() { samples_.clear(); }
  // Kafka's timestamp of the first record that Forget has not covered, or of one polled shortly
  // before it; 0 when `position`, the next record to poll, is not above `committed`.
  [[nodiscard]] std::int64_t Oldest(Offset committed, Offset position) const;

 private:
  struct Sample {
    Offset offset;
    std::int64_t timestamp_ms;
  };
  std::vector<Sample> samples_;
  std::size_t keep_each_ = 1;  // one of this many offered samples is kept
  std::size_t offered_ = 0;
};

}  // namespace usage_ingest::kafka::consumer
