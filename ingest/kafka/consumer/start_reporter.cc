#include "ingest/kafka/consumer/start_reporter.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace usage_ingest::kafka::consumer {
namespace {

void Log(const TopicPartition& source, const StoredOffset& stored, const StartPlan& plan) {
  switch (plan.reason) {
    case StartReason::kContinue:
      spdlog::info("{}[{}]: reading from offset {}", source.topic, source.partition.value,
                   plan.deliver_from.value);
      return;
    case StartReason::kRetention:
      spdlog::error(
          "{}[{}]: {} records [{}, {}) are gone from Kafka before they were read: its retention is "
          "shorter than the outage was; continuing at offset {}",
          source.topic, source.partition.value, plan.gap_records, stored.next_offset.value,
          plan.deliver_from.value, plan.deliver_from.value);
      return;
    case StartReason::kNewLog:
      spdlog::error(
          "{}[{}]: this is not the log that was read up to offset {}: the topic was recreated, or "
          "its log was truncated; reading it from its beginning, offset {}",
          source.topic, source.partition.value, stored.next_offset.value, plan.deliver_from.value);
      return;
  }
}

}  // namespace

void StartReporter::Report(const TopicPartition* source, const StoredOffset& stored,
                           const StartPlan& plan) {
  Log(*source, stored, plan);
  if (plan.reason != StartReason::kContinue) {
    CountGap(source, stored.next_offset, plan.gap_records);
  }
}

void StartReporter::CountGap(const TopicPartition* source, Offset next_offset,
                             std::int64_t records) {
  Gap& counted = counted_[source];
  const std::int64_t known = counted.next_offset == next_offset ? counted.records : 0;
  if (records > known) telemetry_.On(pipeline::OffsetGap{source, records - known});
  counted = {.next_offset = next_offset, .records = std::max(records, known)};
}

}  // namespace usage_ingest::kafka::consumer
