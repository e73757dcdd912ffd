#pragma once
// GroupAssignmentQuery: asks the broker which partitions the members of the group have, without
// waiting for the answer.
//
// Owner         one thread; must be destroyed before the client.
// Limit         one request at a time.
// Source        rdkafka.h, rd_kafka_DescribeConsumerGroups(). READ on the group includes DESCRIBE.
#include <optional>
#include <set>
#include <string>

#include "ingest/kafka/client/handles.h"
#include "schema/error.h"
#include "schema/kafka_position.h"

namespace usage_ingest::kafka::client {

class GroupAssignmentQuery {
 public:
  explicit GroupAssignmentQuery(rd_kafka_t* client)
      : client_(client), queue_(rd_kafka_queue_new(client)) {}

  void Ask(const std::string& group_id);
  // The answer, once; nullopt: it is still out. kUnavailable: none came, or the group rebalances.
  [[nodiscard]] std::optional<Result<std::set<TopicPartition>>> Take();

 private:
  rd_kafka_t* client_;
  QueueHandle queue_;
};

}  // namespace usage_ingest::kafka::client
