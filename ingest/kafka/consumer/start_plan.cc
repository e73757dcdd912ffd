#include "ingest/kafka/consumer/start_plan.h"

#include <algorithm>

namespace usage_ingest::kafka::consumer {
namespace {

StartPlan From(StartReason reason, Offset offset, std::int64_t gap_records) {
  StartPlan plan;
  plan.reason = reason;
  plan.assign_at = plan.deliver_from = offset;
  plan.gap_records = gap_records;
  return plan;
}

}  // namespace

bool IsOfAnotherTopic(const StoredOffset& stored, const TopicId& topic_id) {
  return !stored.topic_id.empty() && !topic_id.empty() && stored.topic_id != topic_id;
}

bool CanSearchByEpoch(const StoredOffset& stored, const TopicId& topic_id) {
  return !topic_id.empty() && stored.topic_id == topic_id && stored.last_record &&
         stored.last_record->leader_epoch != kUnknownLeaderEpoch;
}

StartPlan PlanStart(const StoredOffset& stored, const LogNow& log) {
  const Offset next = stored.next_offset;
  const auto [low, high] = log.ends;
  const bool is_changed = log.differs_from || next > high;
  const bool is_same_topic = !stored.topic_id.empty() && stored.topic_id == log.topic_id;
  if (is_changed && is_same_topic) {
    const Offset from = std::max(low, log.differs_from.value_or(low));
    // Nothing that was read differs: the leader has changed, and a control record is before next.
    if (from == next && next <= high) return From(StartReason::kContinue, next, 0);
    // Below `from` everything was read. What the old log held behind next_offset is gone too, and
    // nothing tells how much that was. The log may be truncated again before a record is
    // stored, so the one before is remembered and compared.
    StartPlan plan = From(StartReason::kTruncated, from, 0);
    if (log.last_same && from > low) {
      plan.assign_at.value -= 1;
      plan.expect_before = log.last_same;
    }
    return plan;
  }
  if (is_changed || IsOfAnotherTopic(stored, log.topic_id)) {
    return From(StartReason::kNewLog, low, low.value);
  }
  if (next < low) return From(StartReason::kRetention, low, low.value - next.value);
  StartPlan plan;
  plan.assign_at = plan.deliver_from = next;
  if (stored.last_record && next > low) {
    plan.assign_at.value -= 1;
    plan.expect_before = stored.last_record;
  }
  return plan;
}

}  // namespace usage_ingest::kafka::consumer
