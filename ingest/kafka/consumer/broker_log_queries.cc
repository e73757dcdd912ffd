#include "ingest/kafka/consumer/broker_log_queries.h"

#include <set>

#include "ingest/kafka/client/offset_query.h"

namespace usage_ingest::kafka::consumer {
namespace {

// All questions of one step and a poll must stay below max.poll.interval.ms, which config bounds
// from below.
constexpr auto kQueryTimeout = std::chrono::milliseconds(2000);
constexpr auto kTopicIdsTimeout = std::chrono::milliseconds(1000);  // of each attempt
// Reads some twenty records of each partition whose log has changed.
constexpr auto kSearchTimeout = std::chrono::milliseconds(10'000);
// Nothing waits for these.
constexpr auto kRequestTimeout = std::chrono::milliseconds(10'000);

}  // namespace

Result<client::TopicIds> BrokerLogQueries::QueryTopicIds(std::span<const std::string> topics) {
  return client::QueryTopicIds(client_.handle(), topics, kTopicIdsTimeout);
}

Result<std::vector<client::EpochEnd>> BrokerLogQueries::FindEpochEnds(
    std::span<const client::EpochSearch> searches) {
  return client::FindEpochEnds(options_, searches, kSearchTimeout);
}

void BrokerLogQueries::RequestTopicIds(std::span<const std::string> topics) {
  request_ = std::make_unique<client::TopicIdRequest>(client_.handle(), topics, kRequestTimeout);
}

std::optional<Result<client::TopicIds>> BrokerLogQueries::TakeTopicIds() {
  if (request_ == nullptr) return std::nullopt;
  auto answer = request_->Take(std::chrono::milliseconds(0));
  if (answer) request_.reset();
  return answer;
}

Result<LogQueries::FirstOffsets> BrokerLogQueries::QueryFirstOffsets(
    std::span<const std::string> topics) {
  const auto counts = client::QueryPartitionCounts(client_.handle(), topics, kQueryTimeout);
  // The daemon waits for a topic: it is unavailable, not a wrong request.
  if (!counts && counts.error().code == ErrorCode::kBadRequest) {
    return Fail(ErrorCode::kUnavailable, counts.error().context);
  }
  if (!counts) return std::unexpected(counts.error());
  std::set<TopicPartition> partitions;
  std::vector<const TopicPartition*> sources;
  for (const auto& [topic, count] : *counts) {
    for (std::int32_t i = 0; i < count; ++i) {
      sources.push_back(&*partitions.insert(TopicPartition{topic, PartitionId{i}}).first);
    }
  }
  const auto offsets =
      client::QueryLogEnd(client_.handle(), sources, options_.start, kQueryTimeout);
  if (!offsets) return std::unexpected(offsets.error());
  FirstOffsets first;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    first[sources[i]->topic][sources[i]->partition] = (*offsets)[i];
  }
  return first;
}

Result<std::vector<client::Watermarks>> BrokerLogQueries::QueryEnds(
    std::span<const TopicPartition* const> partitions) {
  return client::QueryWatermarks(client_.handle(), partitions, kQueryTimeout);
}

}  // namespace usage_ingest::kafka::consumer
