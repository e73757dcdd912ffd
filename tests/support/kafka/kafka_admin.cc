#include "tests/support/kafka/kafka_admin.h"

#include <functional>

#include "tests/support/wait.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
constexpr int kRequestMs = 30'000;
constexpr int kAttemptMs = 3'000;

struct QueueCloser {
  void operator()(rd_kafka_queue_t* queue) const noexcept { rd_kafka_queue_destroy(queue); }
};
using Queue = std::unique_ptr<rd_kafka_queue_t, QueueCloser>;

struct EventCloser {
  void operator()(rd_kafka_event_t* event) const noexcept { rd_kafka_event_destroy(event); }
};
using Event = std::unique_ptr<rd_kafka_event_t, EventCloser>;

struct MetadataCloser {
  void operator()(const rd_kafka_metadata_t* metadata) const noexcept {
    rd_kafka_metadata_destroy(metadata);
  }
};
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, MetadataCloser>;

// Short attempts: after a broker has died or started, the client may ask one that does not answer,
// or is not the leader, and learns of the new one only for its next request.
void AskUntilAnswered(const std::string& doing,
                      const std::function<rd_kafka_resp_err_t(int timeout_ms)>& ask) {
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  static_cast<void>(WaitUntil(After(std::chrono::milliseconds(kRequestMs)), [&] {
    error = ask(kAttemptMs);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR;
  }));
  CheckKafka(error, doing);
}

Metadata ReadMetadata(rd_kafka_t* kafka) {
  const rd_kafka_metadata_t* metadata = nullptr;
  AskUntilAnswered("metadata", [&](int timeout_ms) {
    return rd_kafka_metadata(kafka, 1, nullptr, &metadata, timeout_ms);
  });
  return Metadata(metadata);
}

// The answer of an admin request; throws when the request as a whole failed.
Event WaitForAnswer(const Queue& queue, const std::string& doing) {
  Event event(rd_kafka_queue_poll(queue.get(), kRequestMs));
  if (event == nullptr) throw KafkaError(doing, RD_KAFKA_RESP_ERR__TIMED_OUT);
  CheckKafka(rd_kafka_event_error(event.get()), doing);
  return event;
}

void CheckTopics(const rd_kafka_topic_result_t* const* results, std::size_t count,
                 const std::string& doing) {
  for (std::size_t i = 0; i < count; ++i)
    CheckKafka(rd_kafka_topic_result_error(results[i]), doing);
}

void WaitForPartitions(KafkaAdmin& admin, const std::string& topic, int count) {
  if (!WaitUntil(After(30s), [&] { return admin.PartitionCount(topic) == count; })) {
    throw KafkaError(topic + " in metadata", RD_KAFKA_RESP_ERR__TIMED_OUT);
  }
}

const rd_kafka_metadata_partition_t& FindPartition(const rd_kafka_metadata_t& metadata,
                                                   const std::string& topic,
                                                   std::int32_t partition) {
  for (int i = 0; i < metadata.topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& found = metadata.topics[i];
    if (found.topic != topic) continue;
    for (int p = 0; p < found.partition_cnt; ++p) {
      if (found.partitions[p].id == partition) return found.partitions[p];
    }
  }
  throw KafkaError(topic, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION);
}

}  // namespace

KafkaAdmin::KafkaAdmin(const std::string& brokers)
    : brokers_(brokers),
      kafka_(MakeKafkaHandle(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers},
                                                 {"reconnect.backoff.max.ms", "500"}})) {}

void KafkaAdmin::CreateTopic(const std::string& topic, const TopicOptions& options) {
  char message[512];
  rd_kafka_NewTopic_t* request = rd_kafka_NewTopic_new(
      topic.c_str(), options.partitions, options.replication, message, sizeof message);
  if (request == nullptr) throw std::runtime_error(message);
  for (const auto& [name, value] : options.settings) {
    CheckKafka(rd_kafka_NewTopic_set_config(request, name.c_str(), value.c_str()), name);
  }
  const Queue queue(rd_kafka_queue_new(kafka_.get()));
  rd_kafka_CreateTopics(kafka_.get(), &request, 1, nullptr, queue.get());
  rd_kafka_NewTopic_destroy(request);
  const Event event = WaitForAnswer(queue, "create " + topic);
  std::size_t count = 0;
  const auto* result = rd_kafka_event_CreateTopics_result(event.get());
  CheckTopics(rd_kafka_CreateTopics_result_topics(result, &count), count, "create " + topic);
  WaitForPartitions(*this, topic, options.partitions);
}

void KafkaAdmin::SetScramPassword(const std::string& user, rd_kafka_ScramMechanism_t mechanism,
                                  const std::string& password) {
  constexpr int kIterations = 4096;  // Kafka's lower bound
  rd_kafka_UserScramCredentialAlteration_t* request = rd_kafka_UserScramCredentialUpsertion_new(
      user.c_str(), mechanism, kIterations, reinterpret_cast<const unsigned char*>(password.data()),
      password.size(), nullptr, 0);
  const Queue queue(rd_kafka_queue_new(kafka_.get()));
  rd_kafka_AlterUserScramCredentials(kafka_.get(), &request, 1, nullptr, queue.get());
  rd_kafka_UserScramCredentialAlteration_destroy(request);
  const std::string doing = "set the password of " + user;
  const Event event = WaitForAnswer(queue, doing);
  std::size_t count = 0;
  const auto* result = rd_kafka_event_AlterUserScramCredentials_result(event.get());
  const auto* const* answers = rd_kafka_AlterUserScramCredentials_result_responses(result, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* error = rd_kafka_AlterUserScramCredentials_result_response_error(answers[i]);
    if (error != nullptr) CheckKafka(rd_kafka_error_code(error), doing);
  }
}

void KafkaAdmin::Grant(const Right& right) {
  char message[512];
  rd_kafka_AclBinding_t* request =
      rd_kafka_AclBinding_new(right.type, right.name.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL,
                              ("User:" + right.user).c_str(), "*", right.operation,
                              RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, message, sizeof message);
  if (request == nullptr) throw std::runtime_error(message);
  const Queue queue(rd_kafka_queue_new(kafka_.get()));
  rd_kafka_CreateAcls(kafka_.get(), &request, 1, nullptr, queue.get());
  rd_kafka_AclBinding_destroy(request);
  const Event event = WaitForAnswer(queue, "grant " + right.name);
  std::size_t count = 0;
  const auto* result = rd_kafka_event_CreateAcls_result(event.get());
  const auto* const* answers = rd_kafka_CreateAcls_result_acls(result, &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto* error = rd_kafka_acl_result_error(answers[i]);
    if (error != nullptr) CheckKafka(rd_kafka_error_code(error), "grant " + right.name);
  }
}

void KafkaAdmin::Revoke(const Right& right) {
  char message[512];
  rd_kafka_AclBindingFilter_t* request = rd_kafka_AclBindingFilter_new(
      right.type, right.name.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL,
      ("User:" + right.user).c_str(), "*", right.operation, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
      message, sizeof message);
  if (request == nullptr) throw std::runtime_error(message);
  const Queue queue(rd_kafka_queue_new(kafka_.get()));
  rd_kafka_DeleteAcls(kafka_.get(), &request, 1, nullptr, queue.get());
  rd_kafka_AclBinding_destroy(request);
  const Event event = WaitForAnswer(queue, "revoke " + right.name);
}

void KafkaAdmin::DeleteTopic(const std::string& topic) {
  rd_kafka_DeleteTopic_t* request = rd_kafka_DeleteTopic_new(topic.c_str());
  const Queue queue(rd_kafka_queue_new(kafka_.get()));
  rd_kafka_DeleteTopics(kafka_.get(), &request, 1, nullptr, queue.get());
  rd_kafka_DeleteTopic_destroy(request);
  const Event event = WaitForAnswer(queue, "delete " + topic);
  std::size_t count = 0;
  const auto* result = rd_kafka_event_DeleteTopics_result(event.get());
  CheckTopics(rd_kafka_DeleteTopics_result_topics(result, &count), count, "delete " + topic);
  WaitForPartitions(*this, topic, 0);
}

std::vector<std::string> KafkaAdmin::Groups() {
  const Queue queue(rd_kafka_queue_new(kafka_.get()));
  rd_kafka_ListConsumerGroups(kafka_.get(), nullptr, queue.get());
  const Event event = WaitForAnswer(queue, "list groups");
  std::size_t count = 0;
  const auto* const* groups = rd_kafka_ListConsumerGroups_result_valid(
      rd_kafka_event_ListConsumerGroups_result(event.get()), &count);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    names.emplace_back(rd_kafka_ConsumerGroupListing_group_id(groups[i]));
  }
  return names;
}

std::vector<std::string> KafkaAdmin::Topics() {
  const Metadata metadata = ReadMetadata(kafka_.get());
  std::vector<std::string> names;
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const std::string name = metadata->topics[i].topic;
    if (!name.starts_with("__")) names.push_back(name);
  }
  return names;
}

bool KafkaAdmin::DeleteGroup(const std::string& group) {
  rd_kafka_DeleteGroup_t* request = rd_kafka_DeleteGroup_new(group.c_str());
  const Queue queue(rd_kafka_queue_new(kafka_.get()));
  rd_kafka_DeleteGroups(kafka_.get(), &request, 1, nullptr, queue.get());
  rd_kafka_DeleteGroup_destroy(request);
  const Event event = WaitForAnswer(queue, "delete group " + group);
  std::size_t count = 0;
  const auto* const* results =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event.get()), &count);
  const auto error = rd_kafka_error_code(rd_kafka_group_result_error(results[0]));
  if (error == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP) return false;
  // Its last offsets may just have expired.
  if (error != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) CheckKafka(error, "delete group " + group);
  return true;
}

bool KafkaAdmin::MakeEmpty() {
  for (const std::string& group : Groups()) {
    if (!DeleteGroup(group)) return false;
  }
  for (const std::string& topic : Topics()) DeleteTopic(topic);
  return true;
}

void KafkaAdmin::SetPartitions(const std::string& topic, int count) {
  char message[512];
  rd_kafka_NewPartitions_t* request = rd_kafka_NewPartitions_new(
      topic.c_str(), static_cast<std::size_t>(count), message, sizeof message);
  if (request == nullptr) throw std::runtime_error(message);
  const Queue queue(rd_kafka_queue_new(kafka_.get()));
  rd_kafka_CreatePartitions(kafka_.get(), &request, 1, nullptr, queue.get());
  rd_kafka_NewPartitions_destroy(request);
  const Event event = WaitForAnswer(queue, "partitions of " + topic);
  std::size_t topics = 0;
  const auto* result = rd_kafka_event_CreatePartitions_result(event.get());
  CheckTopics(rd_kafka_CreatePartitions_result_topics(result, &topics), topics, topic);
  WaitForPartitions(*this, topic, count);
}

void KafkaAdmin::DeleteRecordsBelow(const std::string& topic, std::int32_t partition,
                                    std::int64_t offset) {
  const PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list.get());
  const Queue queue(rd_kafka_queue_new(kafka_.get()));
  rd_kafka_DeleteRecords(kafka_.get(), &request, 1, nullptr, queue.get());
  rd_kafka_DeleteRecords_destroy(request);
  const Event event = WaitForAnswer(queue, "delete records of " + topic);
  const auto* offsets =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(event.get()));
  CheckKafka(offsets->elems[0].err, "delete records of " + topic);
}

bool KafkaAdmin::HasBrokers(int at_least) {
  try {
    return ReadMetadata(kafka_.get())->broker_cnt >= at_least;
  } catch (const KafkaError&) {
    return false;
  }
}

int KafkaAdmin::PartitionCount(const std::string& topic) {
  const Metadata metadata = ReadMetadata(kafka_.get());
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    if (metadata->topics[i].topic == topic) return metadata->topics[i].partition_cnt;
  }
  return 0;
}

std::int32_t KafkaAdmin::Leader(const std::string& topic, std::int32_t partition) {
  const Metadata metadata = ReadMetadata(kafka_.get());
  return FindPartition(*metadata, topic, partition).leader;
}

bool KafkaAdmin::AreReplicasInSync() {
  const Metadata metadata = ReadMetadata(kafka_.get());
  for (int i = 0; i < metadata->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = metadata->topics[i];
    for (int p = 0; p < topic.partition_cnt; ++p) {
      const rd_kafka_metadata_partition_t& partition = topic.partitions[p];
      if (partition.leader < 0 || partition.isr_cnt != partition.replica_cnt) return false;
    }
  }
  return true;
}

std::vector<std::int32_t> KafkaAdmin::Replicas(const std::string& topic, std::int32_t partition) {
  const Metadata metadata = ReadMetadata(kafka_.get());
  const rd_kafka_metadata_partition_t& found = FindPartition(*metadata, topic, partition);
  return {found.replicas, found.replicas + found.replica_cnt};
}

KafkaAdmin::Watermarks KafkaAdmin::QueryWatermarks(const std::string& topic,
                                                   std::int32_t partition) {
  Watermarks result{};
  AskUntilAnswered("watermarks of " + topic, [&](int timeout_ms) {
    return rd_kafka_query_watermark_offsets(kafka_.get(), topic.c_str(), partition, &result.first,
                                            &result.end, timeout_ms);
  });
  return result;
}

std::int64_t KafkaAdmin::FirstOffset(const std::string& topic, std::int32_t partition) {
  return QueryWatermarks(topic, partition).first;
}

std::int64_t KafkaAdmin::EndOffset(const std::string& topic, std::int32_t partition) {
  return QueryWatermarks(topic, partition).end;
}

std::optional<std::int64_t> KafkaAdmin::Committed(const std::string& group,
                                                  const std::string& topic,
                                                  std::int32_t partition) {
  // A consumer that only asks and does not join: rd_kafka_committed needs no subscription.
  const KafkaHandle consumer =
      MakeKafkaHandle(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers_}, {"group.id", group}});
  const PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  CheckKafka(rd_kafka_committed(consumer.get(), list.get(), kRequestMs), "committed of " + group);
  CheckKafka(list->elems[0].err, "committed of " + group);
  if (list->elems[0].offset == RD_KAFKA_OFFSET_INVALID) return std::nullopt;
  return list->elems[0].offset;
}

}  // namespace usage_ingest::support
