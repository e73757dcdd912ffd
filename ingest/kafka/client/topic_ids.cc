#include "ingest/kafka/client/topic_ids.h"

#include <vector>

#include "ingest/kafka/client/kafka_error.h"
#include "ingest/kafka/client/offset_query.h"

namespace usage_ingest::kafka::client {
namespace {

TopicId IdOf(const rd_kafka_TopicDescription_t* topic) {
  const rd_kafka_Uuid_t* id = rd_kafka_TopicDescription_topic_id(topic);
  if (rd_kafka_Uuid_most_significant_bits(id) == 0 &&
      rd_kafka_Uuid_least_significant_bits(id) == 0) {
    return {};
  }
  return rd_kafka_Uuid_base64str(id);
}

Result<TopicIds> ReadAnswer(rd_kafka_event_t* event) {
  const auto failed = rd_kafka_event_error(event);
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(MakeKafkaError(failed, "asking for topic ids"));
  }
  std::size_t count = 0;
  const rd_kafka_TopicDescription_t** topics =
      rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event), &count);
  TopicIds ids;
  for (std::size_t i = 0; i < count; ++i) {
    if (rd_kafka_error_code(rd_kafka_TopicDescription_error(topics[i])) !=
        RD_KAFKA_RESP_ERR_NO_ERROR) {
      continue;
    }
    ids[rd_kafka_TopicDescription_name(topics[i])] = IdOf(topics[i]);
  }
  return ids;
}

}  // namespace

TopicIdRequest::TopicIdRequest(rd_kafka_t* client, std::span<const std::string> topics,
                               std::chrono::milliseconds timeout)
    : answers_(rd_kafka_queue_new(client)) {
  std::vector<const char*> names;
  for (const std::string& topic : topics) names.push_back(topic.c_str());
  const TopicsHandle collection(
      rd_kafka_TopicCollection_of_topic_names(names.data(), names.size()));
  const AdminOptionsHandle options(
      rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS));
  // ignored because a time-out that is refused leaves librdkafka's own, of a minute
  static_cast<void>(rd_kafka_AdminOptions_set_request_timeout(
      options.get(), static_cast<int>(timeout.count()), nullptr, 0));
  rd_kafka_DescribeTopics(client, collection.get(), options.get(), answers_.get());
}

std::optional<Result<TopicIds>> TopicIdRequest::Take(std::chrono::milliseconds wait) {
  const EventHandle event(rd_kafka_queue_poll(answers_.get(), static_cast<int>(wait.count())));
  if (event == nullptr) return std::nullopt;
  return ReadAnswer(event.get());
}

Result<TopicIds> QueryTopicIds(rd_kafka_t* client, std::span<const std::string> topics,
                               std::chrono::milliseconds timeout) {
  constexpr int kAttempts = 2;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    TopicIdRequest request(client, topics, timeout);
    auto answer = request.Take(timeout + std::chrono::milliseconds(500));
    const bool is_out = !answer || (!*answer && answer->error().code == ErrorCode::kUnavailable);
    if (!is_out) return std::move(*answer);
  }
  const auto counts = QueryPartitionCounts(client, topics, timeout);
  if (!counts) return Fail(ErrorCode::kUnavailable, "asking for topic ids: no answer in time");
  TopicIds unknown;
  for (const std::string& topic : topics) unknown[topic] = TopicId{};
  return unknown;
}

}  // namespace usage_ingest::kafka::client
