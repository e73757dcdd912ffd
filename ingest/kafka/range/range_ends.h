#pragma once
// RangeEnds: how far a range of one partition has been read, and when it is over.
//
// Owner         the range reader's thread.
#include <algorithm>
#include <cstdint>

#include "ingest/kafka/consumer/start_plan.h"
#include "ingest/kafka/range/range_reader.h"

namespace usage_ingest::kafka::range {

class RangeEnds {
 public:
  enum class Decision : unsigned char { kDeliver, kDrop };

  RangeEnds(const PartitionRange& range, std::size_t lane)
      : range_(range), lane_(lane), position_(range.begin) {}

  // REQUIRES: called for every record of the partition, in the order they come.
  [[nodiscard]] Decision OnRecord(Offset offset);
  // Reading came to `end`, and nothing is behind it yet: the rest of the range, if that lies below,
  // was a hole. (When it lies above, more will come: a new leader may not know it yet.)
  void OnEndReached(Offset end);
  // The position is not in the log any more. Returns how many offsets of the range are gone: below
  // its beginning, or, when the log is another one that ends before our end, to that end.
  [[nodiscard]] std::int64_t OnLogChanged(client::Watermarks log);

  [[nodiscard]] bool is_done() const { return position_ >= range_.end; }
  [[nodiscard]] Offset position() const { return position_; }
  [[nodiscard]] std::int64_t offsets_done() const {
    return std::min(position_.value, range_.end.value) - range_.begin.value;
  }
  [[nodiscard]] std::size_t lane() const { return lane_; }
  [[nodiscard]] const TopicPartition* source() const { return range_.source; }

  bool is_paused = false;  // done, and librdkafka knows

 private:
  PartitionRange range_;
  std::size_t lane_;
  Offset position_;
};

}  // namespace usage_ingest::kafka::range
