#pragma once
// StartupProbe: waits for the database and looks whether the daemon may write into it.
//
// The checks block (they are the same that `check-config --connect` runs), so they have a thread of
// their own; main serves /healthz and /readyz meanwhile. A database that is away is waited for; one
// that would count twice or fail ends the daemon with the fix.
//
// Owner         main. The callbacks run on the probe's thread.
#include <functional>
#include <string>
#include <thread>

#include "ingest/postgres/probe/probe.h"

namespace usage_ingest::service {

class StartupProbe {
 public:
  struct Callbacks {
    std::function<void(const std::string& why)> waiting;  // each time it tries in vain
    std::function<void(const postgres::probe::ProbeReport& report)> done;  // once
  };
  StartupProbe(std::string conninfo, Callbacks callbacks);

 private:
  std::jthread thread_;
};

}  // namespace usage_ingest::service
