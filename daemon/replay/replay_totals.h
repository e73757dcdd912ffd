#pragma once
// ReplayTotals: adds up what the lanes of a replay, an import or a retry commit.
//
// Thread-safety any thread.
#include "daemon/telemetry/ignored_events.h"
#include "daemon/telemetry/log_sink.h"
#include "ingest/pipeline/telemetry.h"
#include "schema/mutex.h"

namespace usage_ingest::replay {

class ReplayTotals final : public pipeline::TelemetrySink {
 public:
  void On(const pipeline::TelemetryEvent& event) override { std::visit(Visitor{{}, *this}, event); }

  [[nodiscard]] EventCounts counts() const {
    const MutexLock lock(mutex_);
    return counts_;
  }

 private:
  struct Visitor : telemetry::IgnoredByReplay {
    ReplayTotals& totals;
    using telemetry::IgnoredByReplay::operator();
    void operator()(const pipeline::BatchCommitted& batch) const {
      const MutexLock lock(totals.mutex_);
      for (const auto& partition : batch.partitions) totals.counts_.Add(partition.counts);
    }
    void operator()(const pipeline::PostgresFailed& failure) const { totals.log_.On(failure); }
    void operator()(const pipeline::Fenced& fenced) const { totals.log_.On(fenced); }
  };
  telemetry::LogSink log_;
  mutable Mutex mutex_;
  EventCounts counts_ GUARDED_BY(mutex_);
};

}  // namespace usage_ingest::replay
