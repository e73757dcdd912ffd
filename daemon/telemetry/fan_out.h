#pragma once
// FanOut: passes each event to several sinks, in order.
//
// Thread-safety that of the sinks, which outlive it.
#include <utility>
#include <vector>

#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::telemetry {

class FanOut final : public pipeline::TelemetrySink {
 public:
  explicit FanOut(std::vector<pipeline::TelemetrySink*> sinks) : sinks_(std::move(sinks)) {}

  void On(const pipeline::TelemetryEvent& event) override {
    for (pipeline::TelemetrySink* sink : sinks_) sink->On(event);
  }

 private:
  std::vector<pipeline::TelemetrySink*> sinks_;
};

}  // namespace usage_ingest::telemetry
