#include "daemon/run_observation.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/io_context.hpp>

#include "daemon/http_routes.h"
#include "daemon/http_server.h"
#include "daemon/log_observer.h"
#include "daemon/observer_tee.h"
#include "daemon/status_json.h"
#include "daemon/version.h"
#include "daemon/wiring_options.h"
#include "daemon/wiring_pipeline.h"

namespace usage_ingest::daemon {
namespace {

StatusBoard::Options BoardOptions(const Config& config, std::function<QueueStatus()> queue) {
  StatusBoard::Options options;
  options.version = kVersion;
  options.commit = kCommit;
  options.group_id = config.kafka.group_id;
  options.queue = std::move(queue);
  return options;
}

}  // namespace

struct Observation::Impl {
  Impl(const Config& config, boost::asio::io_context& io)
      : queue_bytes_limit(QueueLimitsFor(config).bytes_max * config.postgres.writers),
        board(BoardOptions(config, [this] { return Queue(); })),
        metrics({std::string(kVersion), std::string(kCommit)},
                {[this] { return Queue().records; }, [this] { return Queue().bytes; },
                 queue_bytes_limit, &board.lag()}),
        tee({&metrics, &board, &log}),
        http(io, config.http_listen,
             MakeRoutes({.metrics = [this] { return metrics.Render(); },
                         .readiness = [this] { return board.readiness(); },
                         .status_json = [this] { return StatusJson(board.Snapshot()); }})) {
    http.Start();
    spdlog::info("status page on http://{}:{}/", config.http_listen.host, http.port());
  }

  QueueStatus Queue() const {
    const Pipeline* watched = pipeline.load();
    if (watched == nullptr) return {0, 0, queue_bytes_limit};
    return {watched->queue_records(), watched->queue_bytes(), queue_bytes_limit};
  }

  std::atomic<const Pipeline*> pipeline{nullptr};
  std::size_t queue_bytes_limit;
  StatusBoard board;
  Metrics metrics;
  LogObserver log;
  ObserverTee tee;
  HttpServer http;
};

Observation::Observation(const Config& config, boost::asio::io_context& io)
    : impl_(std::make_unique<Impl>(config, io)) {}
Observation::~Observation() = default;

ingest::PipelineObserver& Observation::observer() { return impl_->tee; }
StatusBoard& Observation::board() { return impl_->board; }
Metrics& Observation::metrics() { return impl_->metrics; }
void Observation::Watch(const Pipeline* pipeline) { impl_->pipeline = pipeline; }
void Observation::StopHttp() { impl_->http.Stop(); }

}  // namespace usage_ingest::daemon
