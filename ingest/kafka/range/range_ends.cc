#include "ingest/kafka/range/range_ends.h"

namespace usage_ingest::kafka::range {

RangeEnds::Decision RangeEnds::OnRecord(Offset offset) {
  if (offset < position_) return Decision::kDrop;  // came before, and comes again after a restart
  // A record behind the end says that the rest of the range was a hole.
  position_ = offset < range_.end ? Offset{offset.value + 1} : range_.end;
  return offset < range_.end ? Decision::kDeliver : Decision::kDrop;
}

void RangeEnds::OnEndReached(Offset end) {
  position_ = std::max(position_, std::min(end, range_.end));
}

std::int64_t RangeEnds::OnLogChanged(client::Watermarks log) {
  const Offset from = log.high < position_ ? range_.end : std::min(log.low, range_.end);
  if (from <= position_) return 0;
  const std::int64_t gone = from.value - position_.value;
  position_ = from;
  return gone;
}

}  // namespace usage_ingest::kafka::range
