#pragma once
// TopicIdRequest: asks the broker for the ids of topics, without waiting for the answer.
//
// librdkafka tells no topic id with a record, and changes to the new id in silence when a topic is
// recreated (rd_kafka_topic_metadata_update in rdkafka_topic.c), so the ids are asked for.
//
// Owner         one thread. Must be destroyed before the client that it asks with.
// Errors        kUnavailable: no broker answered in time.
// Source        rdkafka.h, rd_kafka_DescribeTopics(); KIP-516.
#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "ingest/kafka/client/handles.h"
#include "schema/error.h"
#include "schema/kafka_position.h"

namespace usage_ingest::kafka::client {

// Without the topics that do not exist now; empty ids where the broker has none.
using TopicIds = std::map<std::string, TopicId>;

class TopicIdRequest {
 public:
  TopicIdRequest(rd_kafka_t* client, std::span<const std::string> topics,
                 std::chrono::milliseconds timeout);
  // The answer, once; nullopt: it has not come within `wait`.
  [[nodiscard]] std::optional<Result<TopicIds>> Take(std::chrono::milliseconds wait);

 private:
  QueueHandle answers_;
};

// The same, waiting for the answer, and asking a second time. Empty ids if brokers answer other
// questions and not this one: librdkafka's mock cluster, and whatever else does not know it.
[[nodiscard]] Result<TopicIds> QueryTopicIds(rd_kafka_t* client,
                                             std::span<const std::string> topics,
                                             std::chrono::milliseconds timeout);

}  // namespace usage_ingest::kafka::client
