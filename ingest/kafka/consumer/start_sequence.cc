#include "ingest/kafka/consumer/start_sequence.h"

#include <algorithm>
#include <utility>

#include "schema/check.h"

namespace usage_ingest::kafka::consumer {
namespace {

constexpr auto kNewTopicDelay = std::chrono::seconds(2);

}  // namespace

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
  // The ids first: a position must not get the id of a topic that came after its offset.
  auto topic_ids = logs_.QueryTopicIds(topics());
  if (!topic_ids) return TryLater(now, topic_ids.error());
  auto first_offsets = logs_.QueryFirstOffsets(topics());
  if (!first_offsets) return TryLater(now, first_offsets.error());
  request_.topic_ids = std::move(*topic_ids);
  request_.first_offsets = std::move(*first_offsets);
  stage_ = Stage::kAskPostgres;
  return AskPostgres{};
}

Result<StartSequence::Step> StartSequence::TryLater(TimePoint now, const Error& error) {
  not_before_ = now + restart_delay_.Next(now);
  return std::unexpected(error);
}

void StartSequence::OnPositions(std::vector<StoredOffset> stored) {
  USAGE_INGEST_CHECK(stage_ == Stage::kAskPostgres);
  USAGE_INGEST_CHECK(stored.size() == request_.partitions.size());
  stored_ = std::move(stored);
  stage_ = Stage::kCompare;
}

Result<StartSequence::Step> StartSequence::Compare(TimePoint now) {
  if (WaitsForBrokers(now)) return Wait{};
  const auto logs = QueryLogs();
  if (!logs) return TryLater(now, logs.error());
  Assign starts;
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    starts.push_back({.stored = stored_[i],
                      .plan = PlanStart(stored_[i], (*logs)[i]),
                      .topic_id = (*logs)[i].topic_id});
  }
  return starts;
}

// Brokers learn of a new topic one after another, and one that has not may still serve the old one.
bool StartSequence::WaitsForBrokers(TimePoint now) {
  bool is_new = false;
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    is_new = is_new || IsOfAnotherTopic(stored_[i], TopicIdOf(*request_.partitions[i]));
  }
  if (!is_new || std::exchange(has_waited_, true)) return false;
  stage_ = Stage::kAskKafka;
  not_before_ = now + kNewTopicDelay;
  return true;
}

Result<std::vector<LogNow>> StartSequence::QueryLogs() const {
  const auto ends = logs_.QueryEnds(request_.partitions);
  if (!ends) return std::unexpected(ends.error());
  std::vector<LogNow> logs;
  std::vector<client::EpochSearch> searches;
  std::vector<std::size_t> searched;
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    const TopicPartition* source = request_.partitions[i];
    const Offset next = stored_[i].next_offset;
    LogNow& log = logs.emplace_back(LogNow{.ends = (*ends)[i], .topic_id = TopicIdOf(*source)});
    const auto changed = changed_logs_.find(source);
    const bool is_changed = changed != changed_logs_.end() && changed->second == next;
    if (!is_changed && next <= log.ends.high) continue;
    log.differs_from = log.ends.low;
    const auto& last = stored_[i].last_record;
    if (!last || !CanSearchByEpoch(stored_[i], log.topic_id)) continue;
    searches.push_back({source, last->leader_epoch, {log.ends.low, std::min(next, log.ends.high)}});
    searched.push_back(i);
  }
  if (searches.empty()) return logs;
  const auto epoch_ends = logs_.FindEpochEnds(searches);
  if (!epoch_ends) return std::unexpected(epoch_ends.error());
  for (std::size_t k = 0; k < searched.size(); ++k) {
    logs[searched[k]].differs_from = (*epoch_ends)[k].offset;
    logs[searched[k]].last_same = (*epoch_ends)[k].last_record;
  }
  return logs;
}

TopicId StartSequence::TopicIdOf(const TopicPartition& source) const {
  const auto found = request_.topic_ids.find(source.topic);
  return found == request_.topic_ids.end() ? TopicId{} : found->second;
}

void StartSequence::OnAssigned() {
  USAGE_INGEST_CHECK(stage_ == Stage::kCompare);
  changed_logs_.clear();
  has_waited_ = false;
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
