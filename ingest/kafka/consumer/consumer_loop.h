#pragma once
// KafkaConsumer::Impl: the consumer thread's loop, one turn at a time.
//
//   stage           what is assigned   leaves by
//   kIdle           nothing            the group's assignment
//   kAskKafka       nothing            Kafka's answer: where the topics begin
//   kAskPostgres    nothing            PositionsFound of this epoch
//   kCompare        nothing            Kafka's answer: where the logs begin and end now
//   kReading        everything         a rebalance, or StartAnew (to kAskKafka), also when a
//                                      PositionCheck finds that PostgreSQL went back
//
// Owner         the thread of Run.
#include <chrono>
#include <optional>
#include <string_view>

#include "ingest/kafka/client/group_client.h"
#include "ingest/kafka/consumer/assignment.h"
#include "ingest/kafka/consumer/back_pressure.h"
#include "ingest/kafka/consumer/consumer.h"
#include "ingest/kafka/consumer/offset_committer.h"
#include "ingest/kafka/consumer/position_check.h"
#include "ingest/kafka/consumer/restart_delay.h"

namespace usage_ingest::kafka::consumer {

class KafkaConsumer::Impl {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  Impl(client::KafkaOptions options, Links links, std::unique_ptr<client::GroupClient> client);

  [[nodiscard]] Result<> Run(const std::stop_token& stop);
  [[nodiscard]] const std::atomic<std::uint64_t>& current_epoch() const { return epoch_; }

 private:
  enum class Stage : unsigned char { kIdle, kAskKafka, kAskPostgres, kCompare, kReading };

  void Turn(TimePoint now);
  void Shutdown();

  // consumer_loop.cc: what is read
  void PollSome();
  void OnMessage(client::MessageHandle message);
  void OnMessageError(const rd_kafka_message_t& message);
  void Deliver(AssignedPartition& partition, pipeline::Record record);
  [[nodiscard]] bool PushHeldBack(TimePoint now);
  void PauseAll();
  void ResumeAll();
  [[nodiscard]] bool are_queues_below_half() const;

  // consumer_loop.cc: what is said
  void ServeInbox(TimePoint now);
  void OnPositions(pipeline::PositionsFound found, TimePoint now);
  void CheckPositions(TimePoint now);
  void CommitDue(TimePoint now);
  void ReportLag(TimePoint now);
  void WakeGroup(TimePoint now);
  void Report(const Error& error) { client_->events().Report(error, error.context); }

  // consumer_start.cc: how reading begins
  void OnRebalance(const client::Rebalance& rebalance);
  void OnAssigned(const client::Rebalance& rebalance);
  void OnRevoked(const client::Rebalance& rebalance);
  void StartAnew(std::string_view why, TimePoint now);
  void AbandonEpoch();
  void Advance(TimePoint now);
  void AskKafka(TimePoint now);
  void Compare(TimePoint now);
  void StartPartition(AssignedPartition& partition, const StoredOffset& stored,
                      const StartPlan& plan);
  void AnnounceGap(const TopicPartition& source, Offset next_offset, std::int64_t records);
  void PushControl(const AssignedPartition& partition, pipeline::Record::Kind kind, Offset offset,
                   std::int64_t gap_records);
  [[nodiscard]] pipeline::Epoch epoch() const {
    return pipeline::Epoch{epoch_.load(std::memory_order_relaxed)};
  }

  client::KafkaOptions options_;
  Links links_;
  std::unique_ptr<client::GroupClient> client_;

  std::atomic<std::uint64_t> epoch_{0};
  Stage stage_ = Stage::kIdle;
  Assignment assignment_;
  pipeline::PositionsRequest request_;  // of this epoch
  std::vector<StoredOffset> stored_;    // kCompare: PostgreSQL's answer
  // Of these the record before `second` was read, and is another one than PostgreSQL remembers.
  std::map<const TopicPartition*, Offset> new_logs_;
  // Gaps that were announced: a restart before the lane has written one must not count it again.
  std::map<const TopicPartition*, std::pair<Offset, std::int64_t>> announced_gaps_;
  RestartDelay restart_delay_;
  TimePoint not_before_;  // kAskKafka, kCompare

  std::optional<pipeline::Record> held_back_;
  std::size_t held_back_lane_ = 0;
  BackPressure back_pressure_;
  std::vector<const TopicPartition*> paused_;

  OffsetCommitter committer_;
  PositionCheck position_check_;
  std::uint64_t turn_ = 0;
  TimePoint last_lag_;
  TimePoint last_wake_;
  TimePoint last_committed_;  // a lane reported: PostgreSQL is well
  pipeline::PauseReason pause_reason_{};
};

}  // namespace usage_ingest::kafka::consumer
