#pragma once
// StatusBoard: collects what the pipeline reports, for people and for /readyz.
//
// Metrics answer "how was it over time" to Prometheus; the board answers "what is it now" to
// whoever looks, with the names, messages and small plots that have no place in a metric.
//
// Thread-safety any thread; one mutex, held for microseconds once a batch.
// Limit         kErrorsKept errors, Series::kSamples samples a partition; partitions that went away
//               are forgotten after kForgetAfter.
#include <functional>
#include <memory>
#include <string>

#include "daemon/telemetry/lag_tracker.h"
#include "daemon/telemetry/status_snapshot.h"
#include "ingest/pipeline/observer.h"

namespace usage_ingest::telemetry {

class StatusBoard final : public pipeline::PipelineObserver {
 public:
  static constexpr std::chrono::seconds kSamplePeriod{2};
  static constexpr std::size_t kErrorsKept = 20;
  static constexpr std::chrono::minutes kForgetAfter{5};

  struct Options {
    std::string version;
    std::string commit;
    std::string group_id;
    std::function<QueueStatus()> queue;  // thread-safe; outlives the board
    WallClockMs clock = SystemClockMs;
  };
  explicit StatusBoard(Options options);
  ~StatusBoard() override;

  void BatchCommitted(std::size_t lane, const pipeline::BatchReport& report) override;
  void DeadLettersHealed(std::int64_t count) override;
  void PostgresError(pipeline::PostgresErrorClass error_class, std::string_view message) override;
  void PostgresUp(std::size_t session, bool up) override;
  void Fenced(std::string_view why) override;
  void KafkaError(pipeline::KafkaErrorClass error_class, std::string_view message) override;
  void Rebalanced(std::span<const TopicPartition* const> assigned) override;
  void GroupJoined(bool joined) override;
  void OffsetGap(const TopicPartition& source, std::int64_t records) override;
  void Paused(pipeline::PauseReason reason, bool paused) override;
  void Lag(const TopicPartition& source, const pipeline::PartitionLag& lag) override;

  void SetDeadLettersPending(std::int64_t count);
  void SetPartitionRunway(std::chrono::seconds runway);
  void SetCopyPath(std::string_view path);
  // Why the daemon is not ready although the parts that it watches are; empty takes it back.
  void SetHeldBack(std::string_view reason);

  // Fed by this board's Lag and Rebalanced; Metrics shows the same figures.
  [[nodiscard]] const LagTracker& lag() const;

  // Takes the next sample of rates and lags: every kSamplePeriod, by a timer of main.
  void Sample();
  [[nodiscard]] Readiness readiness() const;
  [[nodiscard]] StatusSnapshot Snapshot() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace usage_ingest::telemetry
