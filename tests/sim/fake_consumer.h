#pragma once
// FakeConsumer: what ingest/kafka/consumer/consumer.h documents, turn by turn, on a FakeKafka.
//
// The rules that decide what is read are the real ones (PlanStart, AssignedPartition, LaneOf,
// OffsetCommitter, PositionCheck); librdkafka, the group's protocol and the coordinator that asks
// PostgreSQL for the positions are replaced.
//
// Owner         a simulated process. One call of Turn is one turn of the real loop.
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "ingest/kafka/client/partition_table.h"
#include "ingest/kafka/consumer/assigned_partition.h"
#include "ingest/kafka/consumer/offset_committer.h"
#include "ingest/kafka/consumer/position_check.h"
#include "ingest/pipeline/consumer_inbox.h"
#include "ingest/pipeline/lane_queue.h"
#include "ingest/pipeline/runtime.h"
#include "tests/sim/fake_database.h"
#include "tests/sim/fake_kafka.h"
#include "tests/sim/faults.h"

namespace usage_ingest::sim {

struct ConsumerDependencies {
  MemberId member = 0;
  FakeKafka& kafka;
  FakeDatabase& database;
  Faults& faults;
  PlantedBug bug = PlantedBug::kNone;
  pipeline::ConsumerInbox& inbox;
  std::vector<pipeline::LaneQueue::Producer> lanes;
  std::vector<std::size_t>& held_bytes;  // of records that a lane has, by lane
};

class FakeConsumer {
 public:
  using TimePoint = pipeline::TimePoint;

  explicit FakeConsumer(ConsumerDependencies dependencies)
      : dependencies_(std::move(dependencies)) {}

  // False: there was nothing to do.
  bool Turn(TimePoint now);
  [[nodiscard]] const std::atomic<std::uint64_t>& current_epoch() const { return epoch_; }

 private:
  enum class Stage : unsigned char { kIdle, kAskPostgres, kReading };
  static constexpr std::chrono::seconds kPositionCheckInterval{5};
  struct CommitRequest {  // on its way to the broker
    std::uint64_t generation = 0;
    kafka::consumer::OffsetCommitter::Offsets offsets;
  };

  bool ServeInbox(TimePoint now);
  bool ServeGroup();
  bool WatchTopic();
  void AskForTopic();
  bool ServeBroker();
  void OnAssigned(const GroupEvent& event);
  void OnRevoked(const GroupEvent& event);
  void AbandonEpoch();
  void StartAnew();
  bool AnswerPositions();
  void OnPositions(const std::vector<StoredOffset>& stored, TimePoint now);
  void StartReading(const std::vector<StoredOffset>& stored);
  [[nodiscard]] kafka::consumer::LogNow LogNowOf(const TopicPartition& source,
                                                 const StoredOffset& stored);
  [[nodiscard]] bool IsOutside(const kafka::consumer::AssignedPartition& partition);
  void PushStart(const kafka::consumer::AssignedPartition& partition, const StoredOffset& stored);
  void PushGap(const kafka::consumer::AssignedPartition& partition,
               const kafka::consumer::StartPlan& plan);
  bool Poll();
  bool Deliver(kafka::consumer::AssignedPartition& partition, const LogRecord& logged);
  bool PushHeldBack();
  [[nodiscard]] kafka::consumer::AssignedPartition* Find(const TopicPartition* source);
  [[nodiscard]] pipeline::Epoch epoch() const { return {epoch_.load()}; }
  [[nodiscard]] bool has(PlantedBug bug) const { return dependencies_.bug == bug; }

  ConsumerDependencies dependencies_;
  kafka::client::PartitionTable table_;
  std::atomic<std::uint64_t> epoch_{0};
  Stage stage_ = Stage::kIdle;
  std::uint64_t generation_ = 0;
  std::vector<kafka::consumer::AssignedPartition> partitions_;
  std::map<const TopicPartition*, Offset> changed_logs_;   // as StartSequence has them
  TopicId topic_id_;                                       // when the positions were asked for
  std::map<const TopicPartition*, std::int32_t> fetched_;  // leader epoch of the last record
  std::optional<pipeline::Record> held_back_;
  std::size_t held_back_lane_ = 0;
  bool asks_postgres_ = false;
  std::optional<pipeline::PositionsFound> positions_;  // PostgreSQL's answer, still on its way
  kafka::consumer::PositionCheck position_check_{kPositionCheckInterval};
  kafka::consumer::OffsetCommitter committer_;
  std::deque<CommitRequest> requests_;
};

}  // namespace usage_ingest::sim
