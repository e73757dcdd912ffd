#include "ingest/kafka/range/range_plan.h"

#include <algorithm>

namespace usage_ingest::kafka::range {

RangePlan PlanRange(const TopicPartition& source, const AskedRange& asked, const LogBounds& log) {
  const Offset asked_end = asked.end.value_or(log.high);
  RangePlan plan;
  plan.end = std::clamp(asked_end, log.low, std::max(log.low, log.stable));
  plan.begin = std::clamp(asked.begin, log.low, plan.end);
  const auto add = [&](Offset begin, Offset end, MissingReason reason) {
    if (begin >= end) return;
    plan.missing.push_back({source, begin, end, reason, !asked.is_by_time});
  };
  // The log's first record is young enough: those that were before it may have been too.
  const bool begins_with_log = asked.begin <= log.low;
  if (asked.is_by_time && begins_with_log) add(Offset{0}, log.low, MissingReason::kDeleted);
  if (!asked.is_by_time) add(asked.begin, std::min(log.low, asked_end), MissingReason::kDeleted);
  add(std::max(asked.begin, log.stable), std::min(asked_end, log.high),
      MissingReason::kOpenTransaction);
  add(std::max(asked.begin, log.high), asked_end, MissingReason::kBehindEnd);
  return plan;
}

}  // namespace usage_ingest::kafka::range
