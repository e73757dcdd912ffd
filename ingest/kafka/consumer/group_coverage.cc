#include "ingest/kafka/consumer/group_coverage.h"

#include <algorithm>

namespace usage_ingest::kafka::consumer {
namespace {

// A leader that reads the topic looks for new partitions every ten seconds (client_config.cc).
constexpr auto kDelayMin = std::chrono::seconds(12);
constexpr auto kDelayMax = std::chrono::seconds(600);

}  // namespace

void GroupCoverage::Start(const LogQueries::FirstOffsets& topics, TimePoint now) {
  expected_.clear();
  for (const auto& [topic, partitions] : topics) {
    for (const auto& [partition, offset] : partitions) expected_.insert({topic, partition});
  }
  query_.reset();
  due_ = now + delay_.value_or(kDelayMin);
}

std::optional<std::string> GroupCoverage::Check(TimePoint now) {
  if (query_ != nullptr) {
    const auto answer = query_->Take();
    if (!answer) return std::nullopt;
    query_.reset();
    if (*answer) return OnAnswer(**answer);
    due_ = now + kDelayMin;
    return std::nullopt;
  }
  if (!due_ || now < *due_) return std::nullopt;
  due_.reset();
  query_ = std::make_unique<client::GroupAssignmentQuery>(client_.handle());
  query_->Ask(group_id_);
  return std::nullopt;
}

std::optional<std::string> GroupCoverage::OnAnswer(const std::set<TopicPartition>& assigned) {
  const auto found = std::ranges::find_if(
      expected_, [&](const TopicPartition& source) { return !assigned.contains(source); });
  if (found == expected_.end()) {
    delay_.reset();
    return std::nullopt;
  }
  delay_ = std::min(kDelayMax, 2 * delay_.value_or(kDelayMin));
  return found->topic;
}

}  // namespace usage_ingest::kafka::consumer
