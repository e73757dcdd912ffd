#include "daemon/http/http_routes.h"

#include <memory>
#include <utility>

#include "daemon/http/status_page.h"

namespace usage_ingest::http {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;

class KeptText {
 public:
  explicit KeptText(std::function<std::string()> make) : make_(std::move(make)) {}
  const std::string& At(TimePoint now) {
    if (!made_ || now - made_at_ >= kKeptFor) {
      text_ = make_();
      made_at_ = now;
      made_ = true;
    }
    return text_;
  }

 private:
  std::function<std::string()> make_;
  std::string text_;
  TimePoint made_at_;
  bool made_ = false;
};

class Routes {
 public:
  explicit Routes(RouteSources sources)
      : sources_(std::move(sources)), metrics_(sources_.metrics), status_(sources_.status_json) {}

  HttpReply Answer(std::string_view path) {
    HttpReply reply;
    if (path == "/healthz") {
      reply.body = "ok\n";
    } else if (path == "/livez") {
      const bool is_alive = sources_.makes_progress();
      reply.status = is_alive ? 200 : 503;
      reply.body = is_alive ? "alive\n" : "a lane has work and makes no progress\n";
    } else if (path == "/readyz") {
      const telemetry::Readiness readiness = sources_.readiness();
      reply.status = readiness.ready ? 200 : 503;
      if (readiness.ready) reply.body = "ready\n";
      if (!readiness.reason.empty()) reply.body += readiness.reason + "\n";
    } else if (path == "/metrics") {
      // Source: Prometheus, "Exposition formats".
      reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
      reply.body = metrics_.At(sources_.clock());
    } else if (path == "/status") {
      reply.content_type = "application/json";
      reply.body = status_.At(sources_.clock());
    } else if (path == "/") {
      reply.content_type = "text/html; charset=utf-8";
      reply.body = kStatusPageHtml;
      reply.security_policy = page_policy_;
    } else {
      reply.status = 404;
      reply.body = "there is / /metrics /healthz /livez /readyz /status\n";
    }
    return reply;
  }

 private:
  RouteSources sources_;
  KeptText metrics_;
  KeptText status_;
  std::string page_policy_ = PolicyFor(kStatusPageHtml);
};

}  // namespace

HttpHandler MakeRoutes(RouteSources sources) {
  auto routes = std::make_shared<Routes>(std::move(sources));
  return [routes](std::string_view path) { return routes->Answer(path); };
}

}  // namespace usage_ingest::http
