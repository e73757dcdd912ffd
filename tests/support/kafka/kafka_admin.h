#pragma once
// KafkaAdmin: what an operator does to topics, and the questions that tests ask about them.
//
// Owner         one thread.
// Errors        throws KafkaError; requests wait up to half a minute for the broker.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/kafka/kafka_client.h"

namespace usage_ingest::support {

struct TopicOptions {
  int partitions = 1;
  int replication = 1;
  std::map<std::string, std::string> settings = {};  // topic configuration
};

class KafkaAdmin {
 public:
  explicit KafkaAdmin(const std::string& brokers);

  // Each returns when the brokers' metadata shows it.
  void CreateTopic(const std::string& topic, const TopicOptions& options);
  void DeleteTopic(const std::string& topic);
  // Deletes all groups and all topics but Kafka's own. False, and the topics stay, if a group has
  // members.
  [[nodiscard]] bool MakeEmpty();
  void SetPartitions(const std::string& topic, int count);

  // Makes the user, or gives it another password.
  void SetScramPassword(const std::string& user, rd_kafka_ScramMechanism_t mechanism,
                        const std::string& password);

  // What a user may do, beside what it may already; and what it may no longer.
  struct Right {
    std::string user;
    rd_kafka_ResourceType_t type = RD_KAFKA_RESOURCE_TOPIC;
    std::string name;
    rd_kafka_AclOperation_t operation = RD_KAFKA_ACL_OPERATION_READ;
  };
  void Grant(const Right& right);
  void Revoke(const Right& right);

  // Removes the records below `offset`, as retention does.
  void DeleteRecordsBelow(const std::string& topic, std::int32_t partition, std::int64_t offset);

  // A broker answers and knows `at_least` brokers. One that starts answers before it knows itself.
  [[nodiscard]] bool HasBrokers(int at_least);
  [[nodiscard]] int PartitionCount(const std::string& topic);  // 0 when there is no such topic
  [[nodiscard]] std::int32_t Leader(const std::string& topic, std::int32_t partition);
  // Of all partitions, also those of Kafka's own topics.
  [[nodiscard]] bool AreReplicasInSync();
  [[nodiscard]] std::vector<std::int32_t> Replicas(const std::string& topic,
                                                   std::int32_t partition);
  [[nodiscard]] std::int64_t FirstOffset(const std::string& topic, std::int32_t partition);
  [[nodiscard]] std::int64_t EndOffset(const std::string& topic, std::int32_t partition);
  // What the group has committed; nothing when it never did.
  [[nodiscard]] std::optional<std::int64_t> Committed(const std::string& group,
                                                      const std::string& topic,
                                                      std::int32_t partition);

 private:
  [[nodiscard]] std::vector<std::string> Groups();
  [[nodiscard]] std::vector<std::string> Topics();
  bool DeleteGroup(const std::string& group);
  struct Watermarks {
    std::int64_t first;
    std::int64_t end;
  };
  Watermarks QueryWatermarks(const std::string& topic, std::int32_t partition);

  std::string brokers_;
  KafkaHandle kafka_;
};

}  // namespace usage_ingest::support
