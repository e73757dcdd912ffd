#include "ingest/kafka/consumer/assignment.h"

#include <algorithm>

namespace usage_ingest::kafka::consumer {

void Assignment::Set(std::span<const std::pair<std::string, PartitionId>> partitions) {
  sources_.clear();
  for (const auto& [topic, partition] : partitions) {
    sources_.push_back(table_.Intern(topic, partition));
  }
  Reset();
}

void Assignment::Reset() {
  by_handle_.clear();
  last_ = nullptr;
  partitions_.clear();
  for (const TopicPartition* source : sources_) {
    partitions_.emplace_back(source, client::LaneOf(*source, lanes_));
  }
}

AssignedPartition* Assignment::Find(const rd_kafka_message_t& message) {
  const std::pair<const rd_kafka_topic_t*, std::int32_t> key{message.rkt, message.partition};
  if (last_ != nullptr && key == last_key_) return last_;  // messages come in runs
  auto found = by_handle_.find(key);
  if (found == by_handle_.end()) {
    const TopicPartition* source =
        table_.Intern(rd_kafka_topic_name(message.rkt), PartitionId{message.partition});
    const auto at = std::ranges::find(sources_, source);
    if (at == sources_.end()) return nullptr;
    found = by_handle_.emplace(key, static_cast<std::size_t>(at - sources_.begin())).first;
  }
  last_key_ = key;
  last_ = &partitions_[found->second];
  return last_;
}

bool Assignment::OnCommitted(const pipeline::Committed& committed) {
  const auto at = std::ranges::find(sources_, committed.source);
  if (at == sources_.end()) return false;
  AssignedPartition& partition = partitions_[static_cast<std::size_t>(at - sources_.begin())];
  if (committed.epoch != epoch()) {
    partition.OnCommittedEarlier(committed.next_offset);
    return false;
  }
  partition.OnCommitted(committed.next_offset);
  return true;
}

}  // namespace usage_ingest::kafka::consumer
