#pragma once
// Assignment: the partitions that the group gave us, and which message belongs to which.
//
// Owner         the consumer thread; changed only when the group's assignment changes.
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ingest/kafka/client/handles.h"
#include "ingest/kafka/client/partition_table.h"
#include "ingest/kafka/consumer/assigned_partition.h"

namespace usage_ingest::kafka::consumer {

class Assignment {
 public:
  explicit Assignment(std::size_t lanes) : lanes_(lanes) {}

  void Set(std::span<const std::pair<std::string, PartitionId>> partitions);
  // All partitions as new: nothing read, nothing known.
  void Restart();

  // Null when the message is of no partition of ours.
  [[nodiscard]] AssignedPartition* Find(const rd_kafka_message_t& message);
  [[nodiscard]] AssignedPartition* Find(const TopicPartition* source);

  [[nodiscard]] std::span<AssignedPartition> partitions() { return partitions_; }
  [[nodiscard]] std::span<const TopicPartition* const> sources() const { return sources_; }
  [[nodiscard]] std::vector<std::string> topics() const;
  [[nodiscard]] bool empty() const { return sources_.empty(); }
  // Interned, for partitions that are not assigned.
  [[nodiscard]] const TopicPartition* Intern(const std::string& topic, PartitionId partition) {
    return table_.Intern(topic, partition);
  }

 private:
  std::size_t lanes_;
  client::PartitionTable table_;
  std::vector<const TopicPartition*> sources_;
  std::vector<AssignedPartition> partitions_;  // in the order of sources_
  // librdkafka keeps one topic object for as long as one of its partitions is assigned, so its
  // address stands for the name until the next Restart.
  std::map<std::pair<const rd_kafka_topic_t*, std::int32_t>, std::size_t> by_handle_;
  std::pair<const rd_kafka_topic_t*, std::int32_t> last_key_{};
  AssignedPartition* last_ = nullptr;
};

}  // namespace usage_ingest::kafka::consumer
