#include "ingest/kafka/consumer/partition_pauser.h"

#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {

void PartitionPauser::Pause(std::span<const TopicPartition* const> sources, TimePoint now) {
  is_paused_ = true;
  reason_ = now - last_committed_ < limits::kFullQueueWaitMax ? pipeline::PauseReason::kMemory
                                                              : pipeline::PauseReason::kPostgres;
  client_.ReportFailure(client_.Pause(sources));
  telemetry_.On(pipeline::ReadingPaused{reason_, true});
}

void PartitionPauser::Resume(std::span<const TopicPartition* const> sources) {
  if (!is_paused_) return;
  is_paused_ = false;
  client_.ReportFailure(client_.Resume(sources));
  telemetry_.On(pipeline::ReadingPaused{reason_, false});
}

}  // namespace usage_ingest::kafka::consumer
