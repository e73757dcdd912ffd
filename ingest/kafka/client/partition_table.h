#pragma once
// PartitionTable: one TopicPartition object for each partition ever seen, so that the pipeline
// compares pointers.
//
// Owner         a consumer or range reader; filled by its thread. The objects live as long as the
//               table, and anybody may read them.
// Limit         grows by partitions ever seen, never shrinks.
#include <set>
#include <string_view>

#include "schema/kafka_position.h"

namespace usage_ingest::kafka::client {

class PartitionTable {
 public:
  PartitionTable() = default;
  PartitionTable(const PartitionTable&) = delete;
  PartitionTable& operator=(const PartitionTable&) = delete;

  [[nodiscard]] const TopicPartition* Intern(std::string_view topic, PartitionId partition) {
    return &*partitions_.insert(TopicPartition{std::string(topic), partition}).first;
  }

 private:
  std::set<TopicPartition> partitions_;  // nodes do not move
};

}  // namespace usage_ingest::kafka::client
