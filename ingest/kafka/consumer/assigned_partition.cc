#include "ingest/kafka/consumer/assigned_partition.h"

#include <utility>

#include "ingest/kafka/client/message_record.h"

namespace usage_ingest::kafka::consumer {

void AssignedPartition::Start(const StartPlan& plan, Offset committed) {
  position_ = plan.deliver_from;
  committed_ = committed;
  expect_before_ = plan.expect_before;
}

AssignedPartition::Decision AssignedPartition::Decide(const pipeline::Record& record) {
  if (record.offset >= position_) {
    // The record before was compared, or compaction removed it: nothing more to compare.
    expect_before_.reset();
    return Decision::kDeliver;
  }
  if (!expect_before_ || record.offset.value != position_.value - 1) return Decision::kDrop;
  const bool is_same = client::FingerprintOf(record) == *expect_before_;
  expect_before_.reset();
  return is_same ? Decision::kDrop : Decision::kNewLog;
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
  if (next >= position_) {
    lag_sampler_.Clear();
  } else {
    lag_sampler_.Forget(next);
  }
}

}  // namespace usage_ingest::kafka::consumer
