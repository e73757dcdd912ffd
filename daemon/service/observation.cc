#include "daemon/service/observation.h"

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <string>
#include <utility>

#include "daemon/assembly/component_options.h"
#include "daemon/http/http_routes.h"
#include "daemon/service/pipeline.h"
#include "daemon/telemetry/status_json.h"
#include "daemon/text/user_error.h"
#include "daemon/text/version.h"

namespace usage_ingest::service {
namespace {

using std::chrono::steady_clock;

// Until the next try to open the port.
constexpr auto kListenRetry = std::chrono::seconds(5);

}  // namespace

Observation::Observation(const config::Config& config, boost::asio::io_context& io)
    : io_(io),
      address_(config.http_listen),
      listen_retry_(io),
      queue_bytes_limit_(assembly::QueueLimitsFor(config).bytes_max * config.postgres.writers),
      board_({.version = std::string(text::kVersion),
              .commit = std::string(text::kCommit),
              .group_id = config.kafka.group_id,
              .queue = [this] { return Queue(); }}),
      metrics_({std::string(text::kVersion), std::string(text::kCommit)},
               {[this] { return Queue(); }, [this] { return board_.readiness().ready; },
                &board_.lag()}) {
  Listen();
}

void Observation::On(const pipeline::TelemetryEvent& event) {
  metrics_.On(event);
  board_.On(event);
  log_.On(event);
}

void Observation::StopHttp() {
  is_stopped_ = true;
  listen_retry_.cancel();
  if (http_ != nullptr) http_->Stop();
}

http::HttpHandler Observation::Routes() {
  return http::MakeRoutes(
      {.metrics = [this] { return metrics_.Render(); },
       .readiness = [this] { return board_.readiness(); },
       .makes_progress = [this] { return steady_clock::now() - progress_at_ <= kProgressMax; },
       .status_json = [this] { return telemetry::StatusJson(board_.Snapshot()); }});
}

// Usage must not wait for a port that another program has.
void Observation::Listen() {
  try {
    http_ = std::make_unique<http::HttpServer>(io_, address_, Routes());
  } catch (const text::UserError& error) {
    if (!std::exchange(is_told_, true)) {
      spdlog::error("{}: {}; ingesting without status page and metrics, and trying again; fix: {}",
                    error.problem().where, error.problem().what, error.problem().fix);
    }
    listen_retry_.expires_after(kListenRetry);
    listen_retry_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled && !is_stopped_) Listen();
    });
    return;
  }
  http_->Start();
  spdlog::info("status page on http://{}:{}/", address_.host, http_->port());
}

telemetry::QueueStatus Observation::Queue() const {
  const Pipeline* watched = pipeline_.load();
  telemetry::QueueStatus queue;
  if (watched != nullptr) queue = watched->queue();
  queue.bytes_limit = queue_bytes_limit_;
  return queue;
}

}  // namespace usage_ingest::service
