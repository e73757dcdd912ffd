#include "ingest/kafka/consumer/assigned_partition.h"

#include <algorithm>

#include "ingest/kafka/client/message_record.h"

namespace usage_ingest::kafka::consumer {

void AssignedPartition::Start(const StartPlan& plan, Offset committed) {
  position_ = plan.deliver_from;
  committed_ = committed;
  expect_before_ = plan.expect_before;
}

AssignedPartition::Verdict AssignedPartition::Judge(const pipeline::Record& record) {
  if (record.offset >= position_) {
    // The record before was compared, or is a hole now (compaction): nothing more to compare.
    expect_before_.reset();
    return Verdict::kDeliver;
  }
  if (!expect_before_ || record.offset.value != position_.value - 1) return Verdict::kDrop;
  const bool is_same = client::FingerprintOf(record) == *expect_before_;
  expect_before_.reset();
  return is_same ? Verdict::kDrop : Verdict::kNewLog;
}

void AssignedPartition::OnCommitted(Offset next) {
  committed_ = next;
  if (next >= position_) {
    trail_.Clear();
  } else {
    trail_.Forget(next);
  }
}

}  // namespace usage_ingest::kafka::consumer
