#pragma once
// TimestampTrail: about how old the oldest record is that was polled but not committed yet.
//
// Keeping every record's timestamp would cost memory by the record; a sample at each turn of the
// poll loop, thinned out when there are many, is exact enough for lag_seconds.
//
// Owner         the consumer thread, one for each assigned partition.
// Limit         kSamplesMax samples.
#include <cstdint>
#include <vector>

#include "schema/strong.h"

namespace usage_ingest::kafka::consumer {

class TimestampTrail {
 public:
  static constexpr std::size_t kSamplesMax = 128;

  // REQUIRES: offsets in increasing order.
  void Add(Offset offset, std::int64_t timestamp_ms);
  // Everything below `next` is in PostgreSQL.
  void Forget(Offset next);
  // Everything that was polled is in PostgreSQL: the next record may come hours later, and the last
  // sample must not stand for it.
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
  std::size_t keep_each_ = 1;  // so many are offered for one that is kept: evenly thin
  std::size_t offered_ = 0;
};

}  // namespace usage_ingest::kafka::consumer
