#pragma once
// StatusBoard: what the daemon does now, for people and for /readyz.
//
// Metrics tell Prometheus how it was over time. The board tells what it is now, with the names,
// messages and small plots that have no place in a metric.
//
// Thread-safety any thread; one mutex, held for microseconds once a batch.
// Limit         RecentErrors::kKept errors, Series::kSamples samples a partition; partitions that
//               went away are forgotten after kForgetAfter.
#include <functional>
#include <memory>
#include <string>

#include "daemon/telemetry/lag_tracker.h"
#include "daemon/telemetry/status_snapshot.h"
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::telemetry {

class StatusBoard final : public pipeline::TelemetrySink {
 public:
  static constexpr std::chrono::seconds kSamplePeriod{2};
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

  void On(const pipeline::TelemetryEvent& event) override;

  // Metrics shows the same figures.
  [[nodiscard]] const LagTracker& lag() const;

  // Takes the next sample of rates and lags: every kSamplePeriod, by a timer of main.
  void Sample();
  [[nodiscard]] Readiness readiness() const;
  [[nodiscard]] StatusSnapshot Snapshot() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::telemetry
