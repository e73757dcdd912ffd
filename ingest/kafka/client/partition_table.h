#pragma once
// PartitionTable: one object for each partition and each topic id ever seen, so that the pipeline
// passes pointers.
//
// Owner         a consumer or range reader; filled by its thread. The objects live as long as the
//               table, and anybody may read them.
// Limit         grows by partitions and topics ever seen, never shrinks.
#include <cstddef>
#include <cstdint>
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
  [[nodiscard]] const TopicId* Intern(const TopicId& topic_id) {
    return &*topic_ids_.insert(topic_id).first;
  }

 private:
  std::set<TopicPartition> partitions_;  // nodes do not move
  std::set<TopicId> topic_ids_;
};

// Which lane a partition belongs to, always the same one in a process.
//
// The hash keeps two topics of one partition each from being both on lane 0. The sum spreads the
// partitions of one topic evenly.
[[nodiscard]] constexpr std::size_t LaneOf(const TopicPartition& source, std::size_t lanes) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : source.topic) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  return (hash + static_cast<std::uint64_t>(source.partition.value)) % lanes;
}

}  // namespace usage_ingest::kafka::client
