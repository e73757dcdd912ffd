#pragma once
// LogObserver: the pipeline's events as log lines. A batch at debug; what a person should know
// above.
//
// Thread-safety spdlog's.
#include <chrono>
#include <mutex>
#include <string>

#include "ingest/pipeline/observer.h"

namespace usage_ingest::telemetry {

class LogObserver final : public pipeline::PipelineObserver {
 public:
  void BatchCommitted(std::size_t lane, const pipeline::BatchReport& report) override;
  void DeadLettersHealed(std::int64_t count) override;
  void PostgresError(pipeline::PostgresErrorClass error_class, std::string_view message) override;
  void PostgresUp(std::size_t lane, bool up) override;
  void Fenced(std::string_view why) override;
  void ReadAgain(std::string_view why) override;
  void KafkaError(pipeline::KafkaErrorClass error_class, std::string_view message) override;
  void Rebalanced(std::span<const TopicPartition* const> assigned) override;
  void OffsetGap(const TopicPartition& source, std::int64_t records) override;
  void Paused(pipeline::PauseReason reason, bool paused) override;
  void Lag(const TopicPartition& source, const pipeline::PartitionLag& lag) override;

 private:
  // An outage repeats one message for hours: it is said at most every kRepeatAfter.
  [[nodiscard]] bool IsNews(std::string_view message);
  std::mutex mutex_;
  std::string last_message_;
  std::chrono::steady_clock::time_point said_at_;
};

}  // namespace usage_ingest::telemetry
