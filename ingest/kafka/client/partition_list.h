#pragma once
// PartitionList: our partitions as librdkafka wants them.
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "ingest/kafka/client/handles.h"
#include "schema/kafka_position.h"

namespace usage_ingest::kafka::client {

using PartitionOffsets = std::vector<std::pair<const TopicPartition*, Offset>>;

[[nodiscard]] PartitionList MakePartitionList(const PartitionOffsets& partitions);
[[nodiscard]] PartitionList MakePartitionList(std::span<const TopicPartition* const> partitions,
                                              std::int64_t offset = RD_KAFKA_OFFSET_INVALID);

}  // namespace usage_ingest::kafka::client
