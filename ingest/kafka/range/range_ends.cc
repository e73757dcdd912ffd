#include "ingest/kafka/range/range_ends.h"

#include <utility>

namespace usage_ingest::kafka::range {

RangeEnds::Decision RangeEnds::OnRecord(Offset offset) {
  waits_since_.reset();
  if (offset < position_) return Decision::kDrop;  // came before, and comes again after a restart
  // A record behind the end says that the rest of the range was a hole.
  position_ = offset < range_.end ? Offset{offset.value + 1} : range_.end;
  return offset < range_.end ? Decision::kDeliver : Decision::kDrop;
}

void RangeEnds::OnEndReached(Offset end, std::chrono::steady_clock::time_point now) {
  position_ = std::max(position_, std::min(end, range_.end));
  if (!waits_since_) waits_since_ = now;
}

std::optional<MissingRange> RangeEnds::OnLogChanged(client::Watermarks log) {
  if (log.high < position_) return SkipTo(range_.end, MissingReason::kTruncated);
  const Offset first = std::min(log.low, range_.end);
  if (first <= position_) return std::nullopt;
  return SkipTo(first, MissingReason::kDeleted);
}

std::optional<MissingRange> RangeEnds::OnLogEndsEarly(Offset end) {
  if (end >= range_.end || end > position_) return std::nullopt;
  return SkipTo(range_.end, MissingReason::kTruncated);
}

std::optional<MissingRange> RangeEnds::OnUnreadable(Offset offset) {
  const Offset begin = std::max(position_, offset);
  if (is_done() || begin >= range_.end) return std::nullopt;
  const bool is_again = unreadable_ && offset <= last_unreadable_;
  last_unreadable_ = offset;
  if (!unreadable_) unreadable_ = begin;
  if (!is_again) return std::nullopt;
  position_ = *std::exchange(unreadable_, std::nullopt);
  return SkipTo(range_.end, MissingReason::kCorruptBatch);
}

std::optional<MissingRange> RangeEnds::EndUnreadable(Offset next) {
  if (!unreadable_ || next <= *unreadable_) return std::nullopt;
  position_ = *std::exchange(unreadable_, std::nullopt);
  return SkipTo(std::min(next, range_.end), MissingReason::kCorruptBatch);
}

MissingRange RangeEnds::SkipTo(Offset offset, MissingReason reason) {
  return {*range_.source, std::exchange(position_, offset), offset, reason, !range_.is_by_time()};
}

}  // namespace usage_ingest::kafka::range
