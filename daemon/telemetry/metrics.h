#pragma once
// Metrics: the pipeline's reports as Prometheus metrics.
//
// Counters are moved once a batch, never once an event; what only has a value now (lag, queues, the
// process) is asked for at the scrape. Names are in metrics_catalogue.cc.
//
// Thread-safety observer calls from every lane and the consumer thread, Render and setters from
// any. Source        docs/metrics.md.
#include <functional>
#include <memory>
#include <string>

#include "daemon/telemetry/lag_tracker.h"
#include "ingest/pipeline/observer.h"

namespace usage_ingest::telemetry {

enum class CopyPath : unsigned char { kBatch, kConstraints };

class Metrics final : public pipeline::PipelineObserver {
 public:
  // Asked at each scrape, on the scraping thread; must be thread-safe and outlive this object.
  struct Sources {
    std::function<std::size_t()> queue_records;
    std::function<std::size_t()> queue_bytes;
    std::size_t queue_bytes_limit = 0;
    const LagTracker* lag = nullptr;
  };
  struct Build {
    std::string version;
    std::string commit;
  };

  Metrics(const Build& build, Sources sources);
  ~Metrics() override;

  void BatchCommitted(std::size_t lane, const pipeline::BatchReport& report) override;
  void DeadLettersHealed(std::int64_t count) override;
  void PostgresError(pipeline::PostgresErrorClass error_class, std::string_view message) override;
  void PostgresUp(std::size_t session, bool up) override;
  void Fenced(std::string_view why) override;
  void KafkaError(pipeline::KafkaErrorClass error_class, std::string_view message) override;
  void Rebalanced(std::span<const TopicPartition* const> assigned) override;
  void OffsetGap(const TopicPartition& source, std::int64_t records) override;
  void Paused(pipeline::PauseReason reason, bool paused) override;
  void Lag(const TopicPartition& source, const pipeline::PartitionLag& lag) override;

  void SetDeadLettersPending(std::int64_t count);
  void SetPartitionRunway(std::chrono::seconds runway);
  void SetCopyPath(CopyPath path);

  // Prometheus text format 0.0.4.
  [[nodiscard]] std::string Render();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::telemetry
