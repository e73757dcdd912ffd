#include "ingest/kafka/consumer/broker_log_queries.h"

#include <set>

#include "ingest/kafka/client/offset_query.h"

namespace usage_ingest::kafka::consumer {
namespace {

// Two of them and a poll must stay below max.poll.interval.ms, which config bounds from below.
constexpr auto kQueryTimeout = std::chrono::milliseconds(2000);

}  // namespace

Result<LogQueries::FirstOffsets> BrokerLogQueries::QueryFirstOffsets(
    std::span<const std::string> topics) {
  const auto counts = client::QueryPartitionCounts(client_, topics, kQueryTimeout);
  if (!counts) return std::unexpected(counts.error());
  std::set<TopicPartition> partitions;
  std::vector<const TopicPartition*> sources;
  for (const auto& [topic, count] : *counts) {
    for (std::int32_t i = 0; i < count; ++i) {
      sources.push_back(&*partitions.insert(TopicPartition{topic, PartitionId{i}}).first);
    }
  }
  const client::LogEnd end =
      start_ == client::StartFrom::kEarliest ? client::LogEnd::kLow : client::LogEnd::kHigh;
  const auto offsets = client::QueryLogEnd(client_, sources, end, kQueryTimeout);
  if (!offsets) return std::unexpected(offsets.error());
  FirstOffsets first;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    first[sources[i]->topic][sources[i]->partition] = (*offsets)[i];
  }
  return first;
}

Result<std::vector<client::Watermarks>> BrokerLogQueries::QueryEnds(
    std::span<const TopicPartition* const> partitions) {
  return client::QueryWatermarks(client_, partitions, kQueryTimeout);
}

}  // namespace usage_ingest::kafka::consumer
