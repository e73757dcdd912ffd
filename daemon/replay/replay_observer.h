#pragma once
// ReplayObserver: adds up what the lanes of a replay, an import or a retry report.
//
// Thread-safety any thread.
#include "daemon/telemetry/log_observer.h"
#include "ingest/pipeline/observer.h"
#include "schema/mutex.h"

namespace usage_ingest::replay {

class ReplayObserver final : public pipeline::PipelineObserver {
 public:
  void BatchCommitted(std::size_t, const pipeline::BatchReport& report) override {
    const MutexLock lock(mutex_);
    for (const auto& partition : report.partitions) outcomes_.Add(partition.outcomes);
  }
  void PostgresError(pipeline::PostgresErrorClass error_class, std::string_view message) override {
    log_.PostgresError(error_class, message);
  }
  void Fenced(std::string_view why) override { log_.Fenced(why); }
  void KafkaError(pipeline::KafkaErrorClass error_class, std::string_view message) override {
    log_.KafkaError(error_class, message);
  }

  [[nodiscard]] EventCounts outcomes() const {
    const MutexLock lock(mutex_);
    return outcomes_;
  }

 private:
  telemetry::LogObserver log_;
  mutable Mutex mutex_;
  EventCounts outcomes_ GUARDED_BY(mutex_);
};

}  // namespace usage_ingest::replay
