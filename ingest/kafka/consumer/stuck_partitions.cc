#include "ingest/kafka/consumer/stuck_partitions.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace usage_ingest::kafka::consumer {
namespace {

using pipeline::StuckReason;

std::string SkipCommand(const TopicPartition& source, Offset position,
                        std::optional<Offset> behind) {
  return fmt::format(
      "usage-ingestd partitions skip --topic {} --partition {} --from-offset {} --to-offset {}",
      source.topic, source.partition.value, position.value,
      behind ? std::to_string(behind->value) : "N (the first offset behind the batch)");
}

std::string_view Advice(StuckReason reason) {
  switch (reason) {
    case StuckReason::kCorruptBatch:
      return "repair the log, or give the records up: ";
    case StuckReason::kBatchTooLarge:
      return "raise events.record_bytes_max with memory.budget, or give the records up: ";
    case StuckReason::kAuthorization:
      return "allow READ on the topic to this user";
    case StuckReason::kBrokerError:
      return "the broker's log has the cause";
    case StuckReason::kNotRead:
      return "look at the network, the quotas of the broker and socket.timeout.ms";
    case StuckReason::kOpenTransaction:
      return "end the transaction, for example by kafka-transactions.sh abort";
  }
  return {};
}

bool CanBeSkipped(StuckReason reason) {
  return reason == StuckReason::kCorruptBatch || reason == StuckReason::kBatchTooLarge;
}

std::string_view Standstill(StuckReason reason) {
  return reason == StuckReason::kOpenTransaction
             ? "records wait behind a transaction that is neither committed nor aborted"
             : "records wait, and no fetch has brought one for half a minute";
}

}  // namespace

void StuckPartitions::OnError(AssignedPartition& partition, StuckReason reason, Offset offset,
                              std::string error) {
  // The record before may be in the batch. It was written, so it need not hold the partition.
  if (reason == StuckReason::kCorruptBatch && offset < partition.position()) {
    partition.GiveUpComparison();
  }
  Stuck& stuck = stuck_[partition.source()];
  if (stuck.state == State::kPaused) return;  // of a fetch before the pause
  stuck.state = State::kFailed;
  stuck.reason = reason;
  stuck.position = partition.position();
  stuck.offset = std::max(offset, Offset{0});
  stuck.behind.reset();
  stuck.error = std::move(error);
}

bool StuckPartitions::Drops(const AssignedPartition& partition, Offset offset) {
  const auto found = stuck_.find(partition.source());
  if (found == stuck_.end()) return false;
  Stuck& stuck = found->second;
  if (stuck.state != State::kFailed && stuck.state != State::kPaused) return false;
  if (!stuck.behind && offset > stuck.offset) stuck.behind = offset;
  return true;
}

void StuckPartitions::OnStandstill(const AssignedPartition& partition, StuckReason reason) {
  const auto [at, is_new] = stuck_.try_emplace(partition.source());
  if (!is_new) return;
  at->second = {.state = State::kObserved,
                .reason = reason,
                .position = partition.position(),
                .offset = partition.position(),
                .behind = {},
                .error = std::string(Standstill(reason)),
                .delay = {},
                .retry_at = {}};
  Report(at->first, at->second);
}

void StuckPartitions::OnRead(const TopicPartition* source) {
  const auto found = stuck_.find(source);
  if (found == stuck_.end()) return;
  spdlog::info("{}[{}]: is read again", source->topic, source->partition.value);
  telemetry_.On(pipeline::PartitionStuck{.source = source,
                                         .reason = found->second.reason,
                                         .stuck = false,
                                         .offset = found->second.offset,
                                         .why = {}});
  stuck_.erase(found);
}

void StuckPartitions::PauseFailed(TimePoint now) {
  for (auto& [source, stuck] : stuck_) {
    if (stuck.state != State::kFailed) continue;
    stuck.state = State::kPaused;
    stuck.delay = std::clamp<std::chrono::seconds>(2 * stuck.delay, kDelayMin, kDelayMax);
    stuck.retry_at = now + stuck.delay;
    client_.ReportFailure(client_.Pause(std::span(&source, 1)));
    Report(source, stuck);
  }
}

void StuckPartitions::RetryDue(TimePoint now, std::span<const AssignedPartition> partitions) {
  for (auto& [source, stuck] : stuck_) {
    if (stuck.state != State::kPaused || now < stuck.retry_at) continue;
    const auto partition = std::ranges::find(partitions, source, &AssignedPartition::source);
    if (partition == partitions.end()) continue;
    stuck.state = State::kRetried;
    client_.ReportFailure(client_.ResumeAt(*source, partition->read_from()));
  }
}

void StuckPartitions::PauseAgain() {
  std::vector<const TopicPartition*> paused;
  for (const auto& [source, stuck] : stuck_) {
    if (stuck.state == State::kPaused) paused.push_back(source);
  }
  if (!paused.empty()) client_.ReportFailure(client_.Pause(paused));
}

void StuckPartitions::OnNewEpoch() {
  std::vector<const TopicPartition*> paused;
  for (auto& [source, stuck] : stuck_) {
    if (stuck.state == State::kPaused) paused.push_back(source);
    stuck.state = State::kRetried;
  }
  // librdkafka remembers the pause of a partition beyond its assignment.
  if (!paused.empty()) client_.ReportFailure(client_.Resume(paused));
}

void StuckPartitions::KeepOnly(std::span<const TopicPartition* const> sources) {
  std::erase_if(stuck_, [&](const auto& entry) {
    return std::ranges::find(sources, entry.first) == sources.end();
  });
}

void StuckPartitions::Report(const TopicPartition* source, const Stuck& stuck) const {
  const std::string command =
      CanBeSkipped(stuck.reason) ? SkipCommand(*source, stuck.position, stuck.behind) : "";
  const std::string why = fmt::format(
      "{}[{}] is not read at offset {}: {}; the other partitions are. {}{}", source->topic,
      source->partition.value, stuck.offset.value, stuck.error, Advice(stuck.reason), command);
  telemetry_.On(pipeline::PartitionStuck{
      .source = source, .reason = stuck.reason, .stuck = true, .offset = stuck.offset, .why = why});
}

}  // namespace usage_ingest::kafka::consumer
