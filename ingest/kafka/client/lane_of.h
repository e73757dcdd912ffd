#pragma once
// LaneOf: which lane a partition belongs to, always the same one in a process.
//
// The hash keeps two topics of one partition each from being both on lane 0. The sum spreads the
// partitions of one topic evenly.
#include <cstddef>
#include <cstdint>

#include "schema/kafka_position.h"

namespace usage_ingest::kafka::client {

[[nodiscard]] constexpr std::size_t LaneOf(const TopicPartition& source, std::size_t lanes) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : source.topic) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  return (hash + static_cast<std::uint64_t>(source.partition.value)) % lanes;
}

}  // namespace usage_ingest::kafka::client
