#include "ingest/kafka/client/partition_list.h"

namespace usage_ingest::kafka::client {

PartitionList MakePartitionList(const PartitionOffsets& partitions) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const auto& [source, offset] : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), source->topic.c_str(), source->partition.value)
        ->offset = offset.value;
  }
  return list;
}

PartitionList MakePartitionList(std::span<const TopicPartition* const> partitions,
                                std::int64_t offset) {
  PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition* source : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), source->topic.c_str(), source->partition.value)
        ->offset = offset;
  }
  return list;
}

}  // namespace usage_ingest::kafka::client
