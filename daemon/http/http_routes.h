#pragma once
// HttpRoutes: which path answers what.
//
// A text that is expensive to make is kept for kKeptFor, so that many readers cost as much as one.
#include <chrono>
#include <functional>
#include <string>

#include "daemon/http/http_reply.h"
#include "daemon/telemetry/status_snapshot.h"

namespace usage_ingest::http {

struct RouteSources {
  std::function<std::string()> metrics;
  std::function<telemetry::Readiness()> readiness;
  std::function<bool()> makes_progress;  // the condition of the watchdog
  std::function<std::string()> status_json;
  std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
};

inline constexpr std::chrono::milliseconds kKeptFor{200};

// Thread-safety none: the handler is called on the server's thread.
[[nodiscard]] HttpHandler MakeRoutes(RouteSources sources);

}  // namespace usage_ingest::http
