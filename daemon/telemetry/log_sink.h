#pragma once
// LogSink: telemetry events as log lines: a batch at debug, what an operator should know above.
//
// Thread-safety any thread.
#include <chrono>
#include <string>

#include "ingest/pipeline/telemetry.h"
#include "schema/mutex.h"

namespace usage_ingest::telemetry {

class LogSink final : public pipeline::TelemetrySink {
 public:
  void On(const pipeline::TelemetryEvent& event) override;

 private:
  struct Visitor;
  // An outage repeats one message for hours: it is logged at most every kRepeatAfter.
  [[nodiscard]] bool IsNew(std::string_view message);
  Mutex mutex_;
  std::string last_message_ GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point logged_at_ GUARDED_BY(mutex_);
};

}  // namespace usage_ingest::telemetry
