#pragma once
// RangeEnds: how far a range of one partition has been read, and when it is over.
//
// Owner         the range reader's thread.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "ingest/kafka/client/watermarks.h"
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
  void OnEndReached(Offset end, std::chrono::steady_clock::time_point now);
  // What of the rest of the range is not in the log any more: what is below its beginning, or, when
  // it ends before our position, everything.
  [[nodiscard]] std::optional<MissingRange> OnLogChanged(client::Watermarks log);
  // The log ended before the range did, and did not grow: the rest of the range was cut off.
  [[nodiscard]] std::optional<MissingRange> OnLogEndsEarly(Offset end);

  // The batch at `offset` cannot be read; librdkafka goes on behind it. Only the next record or the
  // end tells how long it is: EndUnreadable. The same batch again says that nothing is behind it.
  [[nodiscard]] std::optional<MissingRange> OnUnreadable(Offset offset);
  // REQUIRES: called before OnRecord and OnEndReached, with the same offset.
  [[nodiscard]] std::optional<MissingRange> EndUnreadable(Offset next);

  [[nodiscard]] bool is_done() const { return position_ >= range_.end; }
  [[nodiscard]] Offset position() const { return position_; }
  [[nodiscard]] std::int64_t offsets_done() const {
    return std::min(position_.value, range_.end.value) - range_.begin.value;
  }
  [[nodiscard]] std::size_t lane() const { return lane_; }
  [[nodiscard]] const TopicPartition* source() const { return range_.source; }
  [[nodiscard]] bool HasTime(std::int64_t time_ms) const { return range_.HasTime(time_ms); }

  // Since when nothing is behind the position; nothing while records come.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> waits_since() const {
    return waits_since_;
  }

  bool is_paused = false;  // done, and librdkafka knows

 private:
  MissingRange SkipTo(Offset offset, MissingReason reason);

  PartitionRange range_;
  std::size_t lane_;
  Offset position_;
  std::optional<Offset> unreadable_;  // where batches that cannot be read begin
  Offset last_unreadable_;            // the last of them
  std::optional<std::chrono::steady_clock::time_point> waits_since_;
};

}  // namespace usage_ingest::kafka::range
