#include "daemon/service/observation.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/io_context.hpp>

#include "daemon/assembly/component_options.h"
#include "daemon/http/http_routes.h"
#include "daemon/http/http_server.h"
#include "daemon/service/pipeline.h"
#include "daemon/telemetry/fan_out.h"
#include "daemon/telemetry/log_sink.h"
#include "daemon/telemetry/metrics.h"
#include "daemon/telemetry/status_json.h"
#include "daemon/text/version.h"

namespace usage_ingest::service {
namespace {

using std::chrono::steady_clock;

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
  Impl(const config::Config& config, boost::asio::io_context& io)
      : queue_bytes_limit(assembly::QueueLimitsFor(config).bytes_max * config.postgres.writers),
        board(BoardOptions(config, [this] { return Queue(); })),
        metrics(
            {std::string(text::kVersion), std::string(text::kCommit)},
            {[this] { return Queue(); }, [this] { return board.readiness().ready; }, &board.lag()}),
        sinks({&metrics, &board, &log}),
        http(io, config.http_listen,
             http::MakeRoutes(
                 {.metrics = [this] { return metrics.Render(); },
                  .readiness = [this] { return board.readiness(); },
                  .makes_progress =
                      [this] { return steady_clock::now() - progress_at <= kProgressMax; },
                  .status_json = [this] { return telemetry::StatusJson(board.Snapshot()); }})) {
    http.Start();
    spdlog::info("status page on http://{}:{}/", config.http_listen.host, http.port());
  }

  telemetry::QueueStatus Queue() const {
    const Pipeline* watched = pipeline.load();
    if (watched == nullptr) return {0, 0, queue_bytes_limit};
    return {watched->queue_records(), watched->queue_bytes(), queue_bytes_limit};
  }

  steady_clock::time_point progress_at = steady_clock::now();
  std::atomic<const Pipeline*> pipeline{nullptr};
  std::size_t queue_bytes_limit;
  telemetry::StatusBoard board;
  telemetry::Metrics metrics;
  telemetry::LogSink log;
  telemetry::FanOut sinks;
  http::HttpServer http;
};

Observation::Observation(const config::Config& config, boost::asio::io_context& io)
    : impl_(std::make_unique<Impl>(config, io)) {}
Observation::~Observation() = default;

pipeline::TelemetrySink& Observation::sink() { return impl_->sinks; }
telemetry::StatusBoard& Observation::board() { return impl_->board; }
void Observation::Watch(const Pipeline* pipeline) { impl_->pipeline = pipeline; }
void Observation::NoteProgress() { impl_->progress_at = steady_clock::now(); }
void Observation::StopHttp() { impl_->http.Stop(); }

}  // namespace usage_ingest::service
