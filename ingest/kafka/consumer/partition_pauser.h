#pragma once
// PartitionPauser: pauses and resumes all assigned partitions, and reports why.
//
// Owner         the consumer thread. Time is an argument.
#include <chrono>
#include <span>

#include "ingest/kafka/client/group_client.h"
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::kafka::consumer {

class PartitionPauser {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  PartitionPauser(client::GroupClient& client, pipeline::TelemetrySink& telemetry)
      : client_(client), telemetry_(telemetry) {}

  // A lane committed a batch, so PostgreSQL works.
  void OnCommitted(TimePoint now) { last_committed_ = now; }
  void Pause(std::span<const TopicPartition* const> sources, TimePoint now);
  // Does nothing unless paused. REQUIRES: the partitions that were paused.
  void Resume(std::span<const TopicPartition* const> sources);

 private:
  client::GroupClient& client_;
  pipeline::TelemetrySink& telemetry_;
  bool is_paused_ = false;
  pipeline::PauseReason reason_{};
  TimePoint last_committed_;
};

}  // namespace usage_ingest::kafka::consumer
