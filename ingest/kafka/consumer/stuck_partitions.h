#pragma once
// StuckPartitions: assigned partitions that cannot be read, while the others are.
//
// A damaged batch, one that is too large, or a missing right concerns one partition. It is paused
// and tried again alone, with increasing delay, from the record that is due; librdkafka would
// continue behind the batch. What was polled of it behind the error is dropped: it is read again.
// A partition that is only observed to stand still is reported here too, and not paused.
//
// Owner         the consumer thread. Time is an argument.
// Limit         one entry for each stuck partition.
#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "ingest/kafka/client/group_client.h"
#include "ingest/kafka/consumer/assigned_partition.h"
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::kafka::consumer {

class StuckPartitions {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr auto kDelayMin = std::chrono::seconds(1);
  static constexpr auto kDelayMax = std::chrono::seconds(30);

  StuckPartitions(client::GroupClient& client, pipeline::TelemetrySink& telemetry)
      : client_(client), telemetry_(telemetry) {}

  // The partition could not be read at `offset`. Its messages are dropped from now on.
  void OnError(AssignedPartition& partition, pipeline::StuckReason reason, Offset offset,
               std::string error);
  // A message came. True: drop it.
  [[nodiscard]] bool Drops(const AssignedPartition& partition, Offset offset);
  // Nothing came for too long although records wait.
  void OnStandstill(const AssignedPartition& partition, pipeline::StuckReason reason);
  // A record or the end of the partition came.
  void OnRead(const TopicPartition* source);

  // After polling: pauses those with a new error, so that what librdkafka had fetched behind it
  // could be seen first.
  void PauseFailed(TimePoint now);
  // REQUIRES: reading is not paused as a whole.
  void RetryDue(TimePoint now, std::span<const AssignedPartition> partitions);
  // All partitions were resumed.
  void PauseAgain();
  // All partitions are assigned again from the stored offsets; `sources` are ours.
  void OnNewEpoch();
  void KeepOnly(std::span<const TopicPartition* const> sources);

  [[nodiscard]] bool empty() const { return stuck_.empty(); }

 private:
  enum class State : unsigned char { kFailed, kPaused, kRetried, kObserved };
  struct Stuck {
    State state{};
    pipeline::StuckReason reason{};
    Offset position;               // the record that is due
    Offset offset;                 // of the error
    std::optional<Offset> behind;  // the first offset behind it that can be read
    std::string error;
    std::chrono::seconds delay{};
    TimePoint retry_at;
  };
  void Report(const TopicPartition* source, const Stuck& stuck) const;

  client::GroupClient& client_;
  pipeline::TelemetrySink& telemetry_;
  std::map<const TopicPartition*, Stuck> stuck_;
};

}  // namespace usage_ingest::kafka::consumer
