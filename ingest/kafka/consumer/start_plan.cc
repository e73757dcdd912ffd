#include "ingest/kafka/consumer/start_plan.h"

namespace usage_ingest::kafka::consumer {

StartPlan PlanStart(const StoredOffset& stored, client::Watermarks log, bool is_new_log) {
  const Offset next = stored.next_offset;
  StartPlan plan;
  if (is_new_log || next > log.high) {
    plan.reason = StartReason::kNewLog;
    plan.assign_at = plan.deliver_from = log.low;
    plan.gap_records = log.low.value;
    return plan;
  }
  if (next < log.low) {
    plan.reason = StartReason::kRetention;
    plan.assign_at = plan.deliver_from = log.low;
    plan.gap_records = log.low.value - next.value;
    return plan;
  }
  plan.assign_at = plan.deliver_from = next;
  if (stored.last_record && next > log.low) {
    plan.assign_at.value -= 1;
    plan.expect_before = stored.last_record;
  }
  return plan;
}

}  // namespace usage_ingest::kafka::consumer
