#include "ingest/kafka/consumer/start_sequence.h"

#include <algorithm>
#include <utility>

#include "schema/check.h"

namespace usage_ingest::kafka::consumer {

void StartSequence::Start(pipeline::Epoch epoch, std::span<const TopicPartition* const> sources) {
  request_ = {epoch, {sources.begin(), sources.end()}, {}};
  not_before_ = {};
  stage_ = sources.empty() ? Stage::kIdle : Stage::kAskKafka;
}

std::chrono::milliseconds StartSequence::Restart(pipeline::Epoch epoch, TimePoint now) {
  const auto delay = restart_delay_.Next(now);
  request_.epoch = epoch;
  not_before_ = now + delay;
  stage_ = Stage::kAskKafka;
  return delay;
}

Result<StartSequence::Step> StartSequence::Advance(TimePoint now) {
  if (now < not_before_) return Wait{};
  switch (stage_) {
    case Stage::kAskKafka:
      return AskKafka(now);
    case Stage::kCompare:
      return Compare(now);
    case Stage::kIdle:
    case Stage::kAskPostgres:
    case Stage::kReading:
      return Wait{};
  }
  return Wait{};
}

Result<StartSequence::Step> StartSequence::AskKafka(TimePoint now) {
  auto first_offsets = logs_.QueryFirstOffsets(topics());
  if (!first_offsets) {
    not_before_ = now + restart_delay_.Next(now);
    return std::unexpected(first_offsets.error());
  }
  request_.first_offsets = std::move(*first_offsets);
  stage_ = Stage::kAskPostgres;
  return AskPostgres{};
}

void StartSequence::OnPositions(std::vector<StoredOffset> stored) {
  USAGE_INGEST_CHECK(stage_ == Stage::kAskPostgres);
  USAGE_INGEST_CHECK(stored.size() == request_.partitions.size());
  stored_ = std::move(stored);
  stage_ = Stage::kCompare;
}

Result<StartSequence::Step> StartSequence::Compare(TimePoint now) {
  const auto logs = logs_.QueryEnds(request_.partitions);
  if (!logs) {
    not_before_ = now + restart_delay_.Next(now);
    return std::unexpected(logs.error());
  }
  Assign starts;
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    const bool is_new_log = new_logs_.Contains(request_.partitions[i], stored_[i].next_offset);
    starts.push_back({stored_[i], PlanStart(stored_[i], (*logs)[i], is_new_log)});
  }
  return starts;
}

void StartSequence::OnAssigned() {
  USAGE_INGEST_CHECK(stage_ == Stage::kCompare);
  new_logs_.Clear();
  stored_.clear();
  stage_ = Stage::kReading;
}

std::vector<std::string> StartSequence::topics() const {
  std::vector<std::string> names;
  for (const TopicPartition* source : request_.partitions) names.push_back(source->topic);
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

}  // namespace usage_ingest::kafka::consumer
