#include "ingest/kafka/consumer/lag_reporter.h"

#include <algorithm>
#include <vector>

namespace usage_ingest::kafka::consumer {
namespace {

constexpr auto kInterval = std::chrono::seconds(1);

}  // namespace

void LagReporter::Reset(TimePoint now) {
  for (auto& [source, known] : known_) {
    known.end.reset();
    known.moved = now;
  }
  asked_ = last_ = {};
}

void LagReporter::ReportWhenDue(TimePoint now, std::span<const AssignedPartition> partitions,
                                bool is_paused) {
  TakeAnswer(now);
  AskWhenDue(now, partitions);
  if (now - last_ < kInterval) return;
  last_ = now;
  for (const AssignedPartition& partition : partitions) {
    Known& known = known_[*partition.source()];
    LookAtFetches(partition, known, now);
    if (is_paused) known.moved = now;
    WatchProgress(partition, known, now);
    const bool is_known = known.end && now - known.confirmed < kUnknownAfter;
    telemetry_.On(pipeline::PartitionLag{
        .source = partition.source(),
        .high_watermark =
            is_known ? std::optional(std::max(*known.end, partition.position())) : std::nullopt,
        .position = partition.position(),
        .committed = partition.committed(),
        .oldest_uncommitted_ms = partition.oldest_uncommitted_ms()});
  }
}

void LagReporter::AskWhenDue(TimePoint now, std::span<const AssignedPartition> partitions) {
  if (!query_) query_.emplace(client_.handle());
  if (query_->is_asking() || now - asked_ < kAskInterval) return;
  asked_ = now;
  std::vector<const TopicPartition*> sources;
  sources.reserve(partitions.size());
  for (const AssignedPartition& partition : partitions) sources.push_back(partition.source());
  query_->Ask(sources);
}

void LagReporter::TakeAnswer(TimePoint now) {
  const auto ends = query_ ? query_->Take() : std::nullopt;
  if (!ends) return;
  for (const auto& [source, end] : *ends) {
    Known& known = known_[source];
    if (!known.end) last_ = {};  // the first figure is reported at once
    known.end = end;
    known.confirmed = now;
  }
}

void LagReporter::LookAtFetches(const AssignedPartition& partition, Known& known,
                                TimePoint now) const {
  const auto log = client_.CachedWatermarks(*partition.source());
  if (!log || known.fetched == log->high) return;
  // What was fetched before this epoch may be of another log.
  if (known.fetched && known.end) {
    known.end = std::max(*known.end, log->high);
    known.confirmed = now;
  }
  known.fetched = log->high;
}

// Records wait, and none comes.
void LagReporter::WatchProgress(const AssignedPartition& partition, Known& known, TimePoint now) {
  const Offset position = partition.position();
  if (!known.end || *known.end <= position || known.position != position) {
    known.position = position;
    known.moved = now;
    return;
  }
  if (now - known.moved < kStandstillAfter) return;
  // A fetch that is answered with a higher end and without a record met an open transaction.
  const bool is_answered = partition.is_at_end() && known.fetched && *known.fetched > position;
  stuck_.OnStandstill(partition, is_answered ? pipeline::StuckReason::kOpenTransaction
                                             : pipeline::StuckReason::kNotRead);
}

}  // namespace usage_ingest::kafka::consumer
