#pragma once
// Observation: metrics, status board and log as one telemetry sink, and HTTP, which shows them.
//
// Owner         main; outlives the pipeline that reports to it.
#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>

#include "daemon/config/config.h"
#include "daemon/http/http_server.h"
#include "daemon/telemetry/log_sink.h"
#include "daemon/telemetry/metrics.h"
#include "daemon/telemetry/status_board.h"
#include "ingest/pipeline/telemetry.h"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming)
}

namespace usage_ingest::service {

class Pipeline;

// A lane that has work must show progress within this time (WatchdogSec of the systemd unit).
inline constexpr std::chrono::seconds kProgressMax{60};

class Observation final : public pipeline::TelemetrySink {
 public:
  // A port that cannot be opened is an error in the log, and is tried again.
  Observation(const config::Config& config, boost::asio::io_context& io);
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;

  void On(const pipeline::TelemetryEvent& event) override;

  [[nodiscard]] telemetry::StatusBoard& board() { return board_; }
  // Whose queues are shown; nullptr before it starts and after it ends.
  void Watch(const Pipeline* pipeline) { pipeline_ = pipeline; }
  // All lanes have moved since the last call, or have nothing to do. Main's thread, as HTTP.
  void NoteProgress() { progress_at_ = std::chrono::steady_clock::now(); }
  void StopHttp();

 private:
  [[nodiscard]] http::HttpHandler Routes();
  void Listen();
  [[nodiscard]] telemetry::QueueStatus Queue() const;

  boost::asio::io_context& io_;
  config::ListenAddress address_;
  boost::asio::steady_timer listen_retry_;
  bool is_told_ = false;
  bool is_stopped_ = false;
  std::chrono::steady_clock::time_point progress_at_ = std::chrono::steady_clock::now();
  std::atomic<const Pipeline*> pipeline_{nullptr};
  std::size_t queue_bytes_limit_;
  telemetry::StatusBoard board_;
  telemetry::Metrics metrics_;
  telemetry::LogSink log_;
  std::unique_ptr<http::HttpServer> http_;  // none while the port is not free
};

}  // namespace usage_ingest::service
