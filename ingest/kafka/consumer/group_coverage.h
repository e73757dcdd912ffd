#pragma once
// GroupCoverage: notices a partition of our topics that no member of the group reads.
//
// The member that leads the group assigns the partitions of all topics, but notices new partitions
// only of the topics that it reads itself, and Kafka ignores the other members that notice them. A
// member that leaves and joins makes the leader look again. So members with unequal `topics` work.
//
// Owner         the consumer thread. Time is an argument; nothing blocks.
// Limit         one request under way; a member that joins again in vain does so ever less often.
// Source        Kafka, GroupMetadataManager.classicGroupJoinExistingMember: a follower whose topics
//               are the same gets the assignment of before.
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "ingest/kafka/client/group_assignment_query.h"
#include "ingest/kafka/client/group_client.h"
#include "ingest/kafka/consumer/log_queries.h"

namespace usage_ingest::kafka::consumer {

class GroupCoverage {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr std::string_view kFinding = "has a partition that no member of the group reads";

  GroupCoverage(client::GroupClient& client, std::string group_id)
      : client_(client), group_id_(std::move(group_id)) {}

  // Reading begins: these partitions should each have a member.
  void Start(const LogQueries::FirstOffsets& topics, TimePoint now);
  // Asks when it is time. Returns the topic of a partition without a member: join the group again.
  [[nodiscard]] std::optional<std::string> Check(TimePoint now);
  void OnClientClosing() { query_.reset(); }

 private:
  [[nodiscard]] std::optional<std::string> OnAnswer(const std::set<TopicPartition>& assigned);

  client::GroupClient& client_;
  std::string group_id_;
  std::unique_ptr<client::GroupAssignmentQuery> query_;  // while an answer is out
  std::set<TopicPartition> expected_;
  std::optional<TimePoint> due_;  // nothing: everything has a member
  std::optional<std::chrono::seconds> delay_;
};

}  // namespace usage_ingest::kafka::consumer
