#pragma once
// LogSink: telemetry events as log lines: a batch at debug, what an operator should know above.
//
// Thread-safety any thread.
#include <optional>
#include <string>
#include <string_view>

#include "ingest/pipeline/log_throttle.h"
#include "ingest/pipeline/telemetry.h"
#include "schema/mutex.h"

namespace usage_ingest::telemetry {

class LogSink final : public pipeline::TelemetrySink {
 public:
  void On(const pipeline::TelemetryEvent& event) override;

 private:
  struct Visitor;
  // What to log of a message that an outage repeats for hours: nullopt, or the message with the
  // number of those with the same key that were kept back.
  [[nodiscard]] std::optional<std::string> Throttled(std::string_view key,
                                                     std::string_view message);
  Mutex mutex_;
  pipeline::LogThrottle throttle_ GUARDED_BY(mutex_);
};

}  // namespace usage_ingest::telemetry
