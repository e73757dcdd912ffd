#pragma once
// FakeKafka: one topic's logs and one consumer group with the eager protocol.
//
// What the group does to a process: everybody gives everything up, then everybody gets a share. A
// member that does not answer in time is left out; it learns of it when it next looks, and reads
// and writes on until then (a zombie).
//
// Owner         one simulation.
// Source        Kafka, KIP-62 and the ConsumerCoordinator's JoinGroup/SyncGroup; rdkafka.h on
//               rebalance events.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ingest/kafka/client/epoch_ends.h"
#include "ingest/kafka/consumer/start_plan.h"
#include "ingest/pipeline/record.h"
#include "schema/kafka_position.h"
#include "tests/sim/event_factory.h"

namespace usage_ingest::sim {

inline constexpr char kTopic[] = "litellm.usage.v1";

struct LogRecord {
  Offset offset;
  std::int64_t timestamp_ms = 0;
  std::int32_t leader_epoch = 0;
  ProducedRecord produced;
};

// As the consumer gets it; the value stays in the log.
[[nodiscard]] pipeline::Record RecordOf(const LogRecord& logged);

class FakeLog {
 public:
  // Offsets may have holes below the new record: transaction markers, compaction.
  void Append(ProducedRecord record, std::int64_t timestamp_ms, std::int64_t hole);
  // The first record at or above `offset`, if retention has left it.
  [[nodiscard]] const LogRecord* Read(Offset offset) const;
  void Expire(Offset low) { log_.low = std::max(log_.low, low); }
  [[nodiscard]] kafka::client::Watermarks watermarks() const { return log_; }
  // As a replica has it that becomes the leader with less than the whole log.
  [[nodiscard]] FakeLog ElectUncleanly(Offset end) const;
  [[nodiscard]] std::int32_t leader_epoch() const { return leader_epoch_; }
  // Where the records of `leader_epoch` and of the epochs before it end.
  [[nodiscard]] Offset EndOf(std::int32_t leader_epoch) const;
  // What client::FindEpochEnds finds in the records of [low, below).
  [[nodiscard]] kafka::client::EpochEnd FindEpochEnd(std::int32_t leader_epoch, Offset below) const;
  // Also those that retention has taken: the truth.
  [[nodiscard]] const std::deque<LogRecord>& records() const { return records_; }

 private:
  std::deque<LogRecord> records_;  // addresses stay: records in flight point into it
  kafka::client::Watermarks log_{Offset{0}, Offset{0}};
  std::int32_t leader_epoch_ = 0;
};

using MemberId = std::size_t;

struct GroupEvent {
  bool is_assigned = false;
  bool is_lost = false;  // the group went on without asking
  std::uint64_t generation = 0;
  std::vector<PartitionId> partitions = {};
};

class FakeGroup {
 public:
  FakeGroup(std::size_t partitions, Random& random) : partitions_(partitions), random_(random) {}

  void Join(MemberId member);
  // The member said goodbye, or the group has not heard of it for too long.
  void Remove(MemberId member);
  void Rebalance();
  [[nodiscard]] std::optional<GroupEvent> TakeEvent(MemberId member);
  // The member has given up what it had.
  void OnRevoked(MemberId member);
  [[nodiscard]] bool Has(MemberId member) const { return members_.contains(member); }
  [[nodiscard]] bool is_stable() const { return waiting_for_.empty(); }

  // False: the member is not of this generation any more.
  bool Commit(MemberId member, std::uint64_t generation, PartitionId partition, Offset offset);
  [[nodiscard]] const std::map<PartitionId, Offset>& committed() const { return committed_; }
  // 0 when there is none.
  [[nodiscard]] Offset CommittedOf(PartitionId partition) const {
    const auto found = committed_.find(partition);
    return found == committed_.end() ? Offset{0} : found->second;
  }
  [[nodiscard]] std::uint64_t commits() const { return commits_; }
  void ForgetOffsets() { committed_.clear(); }  // those of a deleted topic

 private:
  void AssignAll();

  std::size_t partitions_;
  Random& random_;
  std::set<MemberId> members_;
  std::set<MemberId> waiting_for_;  // to give up
  std::map<MemberId, std::deque<GroupEvent>> events_;
  std::uint64_t generation_ = 0;
  std::map<PartitionId, Offset> committed_;
  std::uint64_t commits_ = 0;
};

struct FakeKafka {
  FakeKafka(std::size_t partitions, Random& random) : logs(partitions), group(partitions, random) {}
  [[nodiscard]] FakeLog& log(PartitionId partition) {
    return logs[static_cast<std::size_t>(partition.value)];
  }
  // The topic is deleted and created again.
  void Recreate() {
    for (FakeLog& log : logs) Replace(log, FakeLog{});
    topic_id = "topic " + std::to_string(replaced.size());
    group.ForgetOffsets();
  }
  void Replace(FakeLog& log, FakeLog next) {
    replaced.push_back(std::exchange(log, std::move(next)));
  }

  std::vector<FakeLog> logs;
  TopicId topic_id = "topic 0";
  std::deque<FakeLog> replaced;  // records in flight point into them
  FakeGroup group;
};

}  // namespace usage_ingest::sim
