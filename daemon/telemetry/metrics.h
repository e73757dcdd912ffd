#pragma once
// Metrics: telemetry events as Prometheus metrics.
//
// Counters move once a batch, never once an event. What only has a value now (lag, queues, the
// process) is read at the scrape. Alerts, dashboards and docs/metrics.md use the names; a golden
// test holds them, so that a rename is a decision and not an accident.
//
// Thread-safety any thread.
// Source        docs/metrics.md.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/telemetry/lag_tracker.h"
#include "daemon/telemetry/metric_definition.h"
#include "daemon/telemetry/status_snapshot.h"
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::telemetry {

class Metrics final : public pipeline::TelemetrySink {
 public:
  // Read at each scrape, on the scraping thread; must be thread-safe and outlive this object.
  struct Sources {
    std::function<QueueStatus()> queue;
    std::function<bool()> ready;
    const LagTracker* lag = nullptr;
  };
  struct Build {
    std::string version;
    std::string commit;
  };

  Metrics(const Build& build, Sources sources);
  ~Metrics() override;

  void On(const pipeline::TelemetryEvent& event) override;

  // Prometheus text format 0.0.4.
  [[nodiscard]] std::string Render();
  // Every metric, in the order of docs/metrics.md.
  [[nodiscard]] const std::vector<MetricDefinition>& definitions() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::telemetry
