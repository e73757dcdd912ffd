#include "daemon/service/observation.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <utility>

#include "daemon/assembly/component_options.h"
#include "daemon/http/http_routes.h"
#include "daemon/http/http_server.h"
#include "daemon/service/pipeline.h"
#include "daemon/telemetry/fan_out.h"
#include "daemon/telemetry/log_sink.h"
#include "daemon/telemetry/metrics.h"
#include "daemon/telemetry/status_json.h"
#include "daemon/text/user_error.h"
#include "daemon/text/version.h"

namespace usage_ingest::service {
namespace {

using std::chrono::steady_clock;

// Until the next try to open the port.
constexpr auto kListenRetry = std::chrono::seconds(5);

telemetry::StatusBoard::Options BoardOptions(const config::Config& config,
                                             std::function<telemetry::QueueStatus()> queue) {
  telemetry::StatusBoard::Options options;
  options.version = text::kVersion;
  options.commit = text::kCommit;
  options.group_id = config.kafka.group_id;
  options.queue = std::move(queue);
  return options;
}

}  // namespace

struct Observation::Impl {
  Impl(const config::Config& config, boost::asio::io_context& context)
      : io(context),
        address(config.http_listen),
        listen_retry(context),
        queue_bytes_limit(assembly::QueueLimitsFor(config).bytes_max * config.postgres.writers),
        board(BoardOptions(config, [this] { return Queue(); })),
        metrics(
            {std::string(text::kVersion), std::string(text::kCommit)},
            {[this] { return Queue(); }, [this] { return board.readiness().ready; }, &board.lag()}),
        sinks({&metrics, &board, &log}) {
    Listen();
  }

  http::HttpHandler Routes() {
    return http::MakeRoutes(
        {.metrics = [this] { return metrics.Render(); },
         .readiness = [this] { return board.readiness(); },
         .makes_progress = [this] { return steady_clock::now() - progress_at <= kProgressMax; },
         .status_json = [this] { return telemetry::StatusJson(board.Snapshot()); }});
  }

  // Usage must not wait for a port that another program has.
  void Listen() {
    try {
      http = std::make_unique<http::HttpServer>(io, address, Routes());
    } catch (const text::UserError& error) {
      if (!std::exchange(is_told, true)) {
        spdlog::error(
            "{}: {}; ingesting without status page and metrics, and trying again; fix: {}",
            error.problem().where, error.problem().what, error.problem().fix);
      }
      listen_retry.expires_after(kListenRetry);
      listen_retry.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled && !is_stopped) Listen();
      });
      return;
    }
    http->Start();
    spdlog::info("status page on http://{}:{}/", address.host, http->port());
  }

  void Stop() {
    is_stopped = true;
    listen_retry.cancel();
    if (http != nullptr) http->Stop();
  }

  [[nodiscard]] telemetry::QueueStatus Queue() const {
    const Pipeline* watched = pipeline.load();
    if (watched == nullptr) return {0, 0, queue_bytes_limit};
    return {watched->queue_records(), watched->queue_bytes(), queue_bytes_limit};
  }

  boost::asio::io_context& io;
  config::ListenAddress address;
  boost::asio::steady_timer listen_retry;
  bool is_told = false;
  bool is_stopped = false;
  steady_clock::time_point progress_at = steady_clock::now();
  std::atomic<const Pipeline*> pipeline{nullptr};
  std::size_t queue_bytes_limit;
  telemetry::StatusBoard board;
  telemetry::Metrics metrics;
  telemetry::LogSink log;
  telemetry::FanOut sinks;
  std::unique_ptr<http::HttpServer> http;  // none while the port is not free
};

Observation::Observation(const config::Config& config, boost::asio::io_context& io)
    : impl_(std::make_unique<Impl>(config, io)) {}
Observation::~Observation() = default;

pipeline::TelemetrySink& Observation::sink() { return impl_->sinks; }
telemetry::StatusBoard& Observation::board() { return impl_->board; }
void Observation::Watch(const Pipeline* pipeline) { impl_->pipeline = pipeline; }
void Observation::NoteProgress() { impl_->progress_at = steady_clock::now(); }
void Observation::StopHttp() { impl_->Stop(); }

}  // namespace usage_ingest::service
