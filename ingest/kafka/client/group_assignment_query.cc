#include "ingest/kafka/client/group_assignment_query.h"

#include "ingest/kafka/client/kafka_error.h"

namespace usage_ingest::kafka::client {
namespace {

void AddPartitions(const rd_kafka_MemberDescription_t* member, std::set<TopicPartition>& assigned) {
  const auto* list =
      rd_kafka_MemberAssignment_partitions(rd_kafka_MemberDescription_assignment(member));
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    assigned.insert({list->elems[i].topic, PartitionId{list->elems[i].partition}});
  }
}

Result<std::set<TopicPartition>> ReadAnswer(rd_kafka_event_t* event) {
  constexpr const char* kAsking = "asking for the members of the group";
  const auto failed = rd_kafka_event_error(event);
  if (failed != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(MakeKafkaError(failed, kAsking));
  std::size_t count = 0;
  const auto* const* groups = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(event), &count);
  if (count != 1) return Fail(ErrorCode::kUnavailable, kAsking);
  const auto* error = rd_kafka_ConsumerGroupDescription_error(groups[0]);
  if (rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(MakeKafkaError(rd_kafka_error_code(error), kAsking));
  }
  if (rd_kafka_ConsumerGroupDescription_state(groups[0]) != RD_KAFKA_CONSUMER_GROUP_STATE_STABLE) {
    return Fail(ErrorCode::kUnavailable, "the group is rebalancing");
  }
  std::set<TopicPartition> assigned;
  const std::size_t members = rd_kafka_ConsumerGroupDescription_member_count(groups[0]);
  for (std::size_t i = 0; i < members; ++i) {
    AddPartitions(rd_kafka_ConsumerGroupDescription_member(groups[0], i), assigned);
  }
  return assigned;
}

}  // namespace

void GroupAssignmentQuery::Ask(const std::string& group_id) {
  const AdminOptionsHandle options(
      rd_kafka_AdminOptions_new(client_, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS));
  const char* group = group_id.c_str();
  rd_kafka_DescribeConsumerGroups(client_, &group, 1, options.get(), queue_.get());
}

std::optional<Result<std::set<TopicPartition>>> GroupAssignmentQuery::Take() {
  const EventHandle event(rd_kafka_queue_poll(queue_.get(), 0));
  if (event == nullptr) return std::nullopt;
  return ReadAnswer(event.get());
}

}  // namespace usage_ingest::kafka::client
