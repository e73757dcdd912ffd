#include "ingest/kafka/client/offset_query.h"

#include <fmt/format.h>

#include "ingest/kafka/client/kafka_error.h"
#include "ingest/kafka/client/partition_list.h"

namespace usage_ingest::kafka::client {
namespace {

// ListOffsets' names for the ends of a log.
constexpr std::int64_t kEarliestTimestamp = -2;
constexpr std::int64_t kLatestTimestamp = -1;

std::string Name(const TopicPartition& source) {
  return fmt::format("{}[{}]", source.topic, source.partition.value);
}

int Milliseconds(Timeout timeout) { return static_cast<int>(timeout.count()); }

// -1 where no record is as young as `timestamp`.
Result<std::vector<Offset>> ListOffsets(rd_kafka_t* client,
                                        std::span<const TopicPartition* const> partitions,
                                        std::int64_t timestamp, Timeout timeout) {
  if (partitions.empty()) return std::vector<Offset>{};
  const PartitionList list = MakePartitionList(partitions, timestamp);
  const auto asked = rd_kafka_offsets_for_times(client, list.get(), Milliseconds(timeout));
  if (asked != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(MakeKafkaError(asked, "asking for offsets"));
  }
  std::vector<Offset> offsets;
  offsets.reserve(partitions.size());
  for (const TopicPartition* source : partitions) {
    const auto* found = rd_kafka_topic_partition_list_find(list.get(), source->topic.c_str(),
                                                           source->partition.value);
    if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(
          MakeKafkaError(found->err, fmt::format("asking for an offset of {}", Name(*source))));
    }
    offsets.push_back(Offset{found->offset});
  }
  return offsets;
}

}  // namespace

Result<std::map<std::string, std::int32_t>> QueryPartitionCounts(
    rd_kafka_t* client, std::span<const std::string> topics, Timeout timeout) {
  std::map<std::string, std::int32_t> counts;
  for (const std::string& name : topics) {
    const TopicHandle topic(rd_kafka_topic_new(client, name.c_str(), nullptr));
    if (topic == nullptr) {
      return std::unexpected(MakeKafkaError(rd_kafka_last_error(), "topic " + name));
    }
    const rd_kafka_metadata_t* answer = nullptr;
    const auto asked = rd_kafka_metadata(client, 0, topic.get(), &answer, Milliseconds(timeout));
    if (asked != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(MakeKafkaError(asked, "asking for topic " + name));
    }
    const MetadataHandle metadata(answer);
    if (metadata->topic_cnt != 1)
      return Fail(ErrorCode::kUnavailable, "no answer on topic " + name);
    const rd_kafka_metadata_topic_t& found = metadata->topics[0];
    if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
      return Fail(ErrorCode::kBadRequest, fmt::format("there is no topic {}", name));
    }
    if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(MakeKafkaError(found.err, "topic " + name));
    }
    counts[name] = found.partition_cnt;
  }
  return counts;
}

Result<std::vector<Offset>> QueryLogEnd(rd_kafka_t* client,
                                        std::span<const TopicPartition* const> partitions,
                                        LogEnd end, Timeout timeout) {
  return ListOffsets(client, partitions,
                     end == LogEnd::kEarliest ? kEarliestTimestamp : kLatestTimestamp, timeout);
}

Result<std::vector<Watermarks>> QueryWatermarks(rd_kafka_t* client,
                                                std::span<const TopicPartition* const> partitions,
                                                Timeout timeout) {
  const auto low = QueryLogEnd(client, partitions, LogEnd::kEarliest, timeout);
  if (!low) return std::unexpected(low.error());
  const auto high = QueryLogEnd(client, partitions, LogEnd::kLatest, timeout);
  if (!high) return std::unexpected(high.error());
  std::vector<Watermarks> watermarks;
  watermarks.reserve(partitions.size());
  for (std::size_t i = 0; i < partitions.size(); ++i) {
    watermarks.push_back({.low = (*low)[i], .high = (*high)[i]});
  }
  return watermarks;
}

Result<std::vector<Offset>> QueryOffsetsAt(rd_kafka_t* client,
                                           std::span<const TopicPartition* const> partitions,
                                           std::int64_t time_ms, Timeout timeout) {
  auto at = ListOffsets(client, partitions, time_ms, timeout);
  if (!at) return at;
  const auto high = QueryLogEnd(client, partitions, LogEnd::kLatest, timeout);
  if (!high) return high;
  for (std::size_t i = 0; i < at->size(); ++i) {
    if ((*at)[i].value < 0) (*at)[i] = (*high)[i];
  }
  return at;
}

}  // namespace usage_ingest::kafka::client
