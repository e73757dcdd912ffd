#include "ingest/kafka/consumer/start_reporter.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

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
    case StartReason::kTruncated:
      spdlog::error(
          "{}[{}]: the end of this log was replaced after it was read up to offset {} (an unclean "
          "election of a leader); reading it again from offset {}. Records that the old leader had "
          "behind offset {} are gone from Kafka, and nothing tells how many there were",
          source.topic, source.partition.value, stored.next_offset.value, plan.deliver_from.value,
          stored.next_offset.value);
      return;
    case StartReason::kNewLog:
      spdlog::error(
          "{}[{}]: this is not the log that was read up to offset {}: the topic was created again, "
          "or this is another cluster; reading it from its beginning, offset {}",
          source.topic, source.partition.value, stored.next_offset.value, plan.deliver_from.value);
      return;
  }
}

}  // namespace

void StartReporter::Report(const TopicPartition* source,
                           const StartSequence::PartitionStart& start) {
  const auto& [stored, plan, topic_id] = start;
  ReportUnknownId(*source, topic_id);
  Log(*source, stored, plan);
  // What was counted at an offset of one log says nothing about that offset of the next one.
  if (std::exchange(logs_[source], topic_id) != topic_id) {
    counted_.erase(source);
    changed_at_.erase(source);
  }
  if (plan.reason == StartReason::kTruncated) {
    CountChange(source, stored.next_offset, pipeline::LogChange::kTruncated);
  } else if (plan.reason == StartReason::kNewLog) {
    CountChange(source, stored.next_offset, pipeline::LogChange::kRecreated);
  }
  if (plan.reason != StartReason::kContinue) {
    CountGap(source, stored.next_offset, plan.gap_records);
  }
}

void StartReporter::ReportUnknownId(const TopicPartition& source, const TopicId& id) {
  if (!id.empty() || !without_id_.insert(source.topic).second) return;
  spdlog::warn(
      "the brokers tell no id of topic {} (Kafka before 2.8): if it is deleted and created again, "
      "only the last record that was read can show it, when reading begins",
      source.topic);
}

void StartReporter::CountChange(const TopicPartition* source, Offset next_offset,
                                pipeline::LogChange change) {
  const auto [counted, is_new] = changed_at_.try_emplace(source, next_offset);
  if (!is_new && std::exchange(counted->second, next_offset) == next_offset) return;
  telemetry_.On(pipeline::LogChanged{source, change});
}

void StartReporter::CountGap(const TopicPartition* source, Offset next_offset,
                             std::int64_t records) {
  Gap& counted = counted_[source];
  const std::int64_t known = counted.next_offset == next_offset ? counted.records : 0;
  if (records > known) telemetry_.On(pipeline::OffsetGap{source, records - known});
  counted = {.next_offset = next_offset, .records = std::max(records, known)};
}

}  // namespace usage_ingest::kafka::consumer
