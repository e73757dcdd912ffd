#pragma once
// Observation: metrics, status board and log as one telemetry sink, and HTTP, which shows them.
//
// Owner         main; outlives the pipeline that reports to it.
#include <chrono>
#include <memory>

#include "daemon/config/config.h"
#include "daemon/telemetry/status_board.h"
#include "ingest/pipeline/telemetry.h"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming)
}

namespace usage_ingest::service {

class Pipeline;

// A lane that has work must show progress within this time (WatchdogSec of the systemd unit).
inline constexpr std::chrono::seconds kProgressMax{60};

class Observation {
 public:
  // A port that cannot be opened is an error in the log, and is tried again.
  Observation(const config::Config& config, boost::asio::io_context& io);
  ~Observation();

  [[nodiscard]] pipeline::TelemetrySink& sink();
  [[nodiscard]] telemetry::StatusBoard& board();
  // Whose queues are shown; nullptr before it starts and after it ends.
  void Watch(const Pipeline* pipeline);
  // All lanes have moved since the last call, or have nothing to do. Main's thread, as HTTP.
  void NoteProgress();
  void StopHttp();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::service
