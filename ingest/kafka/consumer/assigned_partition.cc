#include "ingest/kafka/consumer/assigned_partition.h"

#include <utility>

#include "ingest/pipeline/record.h"

namespace usage_ingest::kafka::consumer {

void AssignedPartition::Start(const StartPlan& plan, const StoredOffset& stored) {
  position_ = plan.deliver_from;
  committed_ = stored.next_offset;
  expect_before_ = plan.expect_before;
  const bool is_read_on =
      plan.reason == StartReason::kContinue || plan.reason == StartReason::kRetention;
  leader_epoch_ = LeaderEpochOf(is_read_on ? stored.last_record : plan.expect_before);
}

AssignedPartition::Decision AssignedPartition::Decide(const pipeline::Record& record) {
  if (record.offset >= position_) {
    // The record before was compared, or is not in the log any more. Then the leader tells: within
    // one topic, a record of the same leader has the same records before it.
    const auto missed = std::exchange(expect_before_, std::nullopt);
    const bool is_known = record.leader_epoch != kUnknownLeaderEpoch;
    const bool is_undecided = missed && is_known && missed->leader_epoch != kUnknownLeaderEpoch &&
                              missed->leader_epoch != record.leader_epoch;
    const bool goes_back = is_known && record.leader_epoch < leader_epoch_;
    return is_undecided || goes_back ? Decision::kChangedLog : Decision::kDeliver;
  }
  if (!expect_before_ || record.offset.value != position_.value - 1) return Decision::kDrop;
  const bool is_same = expect_before_->Matches(pipeline::FingerprintOf(record));
  expect_before_.reset();
  return is_same ? Decision::kDrop : Decision::kChangedLog;
}

bool AssignedPartition::Advance(const pipeline::Record& delivered) {
  position_ = Offset{delivered.offset.value + 1};
  is_at_end_ = false;
  if (delivered.leader_epoch == kUnknownLeaderEpoch) return false;
  const std::int32_t before = std::exchange(leader_epoch_, delivered.leader_epoch);
  return before != kUnknownLeaderEpoch && before != leader_epoch_;
}

bool AssignedPartition::OnEndReached(Offset end) {
  is_at_end_ = end >= position_;
  if (end <= position_) return false;
  position_ = end;
  expect_before_.reset();
  return true;
}

void AssignedPartition::Sample(std::uint64_t turn, Offset offset, std::int64_t timestamp_ms) {
  if (std::exchange(sampled_turn_, turn) != turn) lag_sampler_.Add(offset, timestamp_ms);
}

void AssignedPartition::OnCommitted(Offset next) {
  committed_ = next;
  committed_earlier_ = {};  // the row is where this epoch moved it
  if (next >= position_) {
    lag_sampler_.Clear();
  } else {
    lag_sampler_.Forget(next);
  }
}

}  // namespace usage_ingest::kafka::consumer
