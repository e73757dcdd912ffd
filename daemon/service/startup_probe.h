#pragma once
// ProbeInThread: waits for the database and checks whether the daemon may write into it. Then it
// warns, once, of topics that may lose usage by their settings.
//
// The checks are those of `check-config --connect`. They block, so they have a thread of their own,
// and main serves /healthz and /readyz at the same time. If the database is away, the probe waits.
// If the database would count twice or fail, the daemon ends with the fix.
//
// Owner         main. The callbacks run on the probe's thread.
#include <functional>
#include <string>
#include <thread>

#include "daemon/config/config.h"
#include "ingest/postgres/probe/probe.h"

namespace usage_ingest::service {

struct ProbeCallbacks {
  std::function<void(const std::string& why)> waiting;                   // after each failed try
  std::function<void(const postgres::probe::ProbeReport& report)> done;  // once
};

[[nodiscard]] std::jthread ProbeInThread(const config::Config& config, ProbeCallbacks callbacks);

}  // namespace usage_ingest::service
