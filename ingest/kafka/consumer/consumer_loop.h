#pragma once
// ConsumerLoop: the consumer thread's loop, one turn at a time.
//
// A turn takes what lanes and librdkafka have reported, advances the start sequence, commits, and
// polls. Each part of the state has a class: what is assigned (Assignment), how reading begins
// (StartSequence), the lanes' queues (LaneFeeder), Kafka's committed offsets (OffsetCommitter).
//
// Owner         the thread of Run.
#include <chrono>
#include <memory>
#include <stop_token>
#include <string_view>

#include "ingest/kafka/client/group_client.h"
#include "ingest/kafka/consumer/assignment.h"
#include "ingest/kafka/consumer/broker_log_queries.h"
#include "ingest/kafka/consumer/consumer.h"
#include "ingest/kafka/consumer/group_coverage.h"
#include "ingest/kafka/consumer/lag_reporter.h"
#include "ingest/kafka/consumer/lane_feeder.h"
#include "ingest/kafka/consumer/offset_committer.h"
#include "ingest/kafka/consumer/partition_pauser.h"
#include "ingest/kafka/consumer/position_check.h"
#include "ingest/kafka/consumer/start_reporter.h"
#include "ingest/kafka/consumer/start_sequence.h"
#include "ingest/kafka/consumer/stuck_partitions.h"
#include "ingest/kafka/consumer/topic_watch.h"

namespace usage_ingest::kafka::consumer {

class ConsumerLoop final : public KafkaConsumer {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  ConsumerLoop(client::KafkaOptions options, Dependencies dependencies,
               std::unique_ptr<client::GroupClient> client);

  [[nodiscard]] Result<> Run(const std::stop_token& stop) noexcept override;
  [[nodiscard]] const std::atomic<std::uint64_t>& current_epoch() const noexcept override {
    return assignment_.current_epoch();
  }

 private:
  void Turn(TimePoint now);
  void Shutdown();

  // The group's decisions.
  void OnRebalance(const client::Rebalance& rebalance);
  void OnAssigned(const client::Rebalance& rebalance);
  void OnRevoked(const client::Rebalance& rebalance);
  void EndEpoch();
  void ReadAgain(std::string_view why, TimePoint now);
  void JoinAgain(std::string_view topic, std::string_view why, TimePoint now);

  // From an assignment to reading.
  void AdvanceStart(TimePoint now);
  void WatchTopics(TimePoint now);
  void AssignAsPlanned(const StartSequence::Assign& starts, TimePoint now);
  void StartPartition(AssignedPartition& partition, const StartSequence::PartitionStart& start);
  [[nodiscard]] pipeline::Record ControlRecord(const AssignedPartition& partition,
                                               pipeline::Record::Kind kind, Offset offset) const;

  // Reports of lanes and of PostgreSQL.
  void ServeInbox(TimePoint now);
  void OnPositions(pipeline::PositionsFound found, TimePoint now);
  [[nodiscard]] bool IsAhead(std::span<const StoredOffset> stored);
  void CommitDue(TimePoint now);

  // Messages.
  [[nodiscard]] bool ApplyBackPressure(TimePoint now);
  void PollSome();
  void OnMessage(client::MessageHandle message);
  void OnMessageError(const rd_kafka_message_t& message);
  void OnEndReached(AssignedPartition& partition, Offset end);
  void Deliver(AssignedPartition& partition, pipeline::Record record);
  void WakeGroup(TimePoint now);

  client::KafkaOptions options_;
  pipeline::ConsumerInbox& inbox_;
  pipeline::RequestPositions request_positions_;
  pipeline::TelemetrySink& telemetry_;
  std::unique_ptr<client::GroupClient> client_;
  LaneFeeder feeder_;
  Assignment assignment_;
  BrokerLogQueries log_queries_;
  StartSequence start_;
  TopicWatch topic_watch_;
  GroupCoverage coverage_;
  StartReporter start_reporter_;
  PartitionPauser pauser_;
  StuckPartitions stuck_;
  LagReporter lag_reporter_;
  OffsetCommitter committer_;
  PositionCheck position_check_;
  std::uint64_t turn_ = 0;
  TimePoint last_wake_;
};

}  // namespace usage_ingest::kafka::consumer
