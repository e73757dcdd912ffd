#include "daemon/service/startup_probe.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "schema/mutex.h"

namespace usage_ingest::service {
namespace {

constexpr auto kFirstWait = std::chrono::milliseconds(250);
constexpr auto kLongestWait = std::chrono::milliseconds(4000);

void Probe(const std::stop_token& stop, const config::PostgresConfig& postgres,
           const StartupProbe::Callbacks& callbacks) {
  Mutex mutex;
  CondVar stopped;
  for (auto wait = kFirstWait; !stop.stop_requested(); wait = std::min(wait * 2, kLongestWait)) {
    const auto report = postgres::probe::ProbeDatabase(postgres.conninfo, postgres.writers);
    // A standby counts as away: it may be promoted, or the conninfo's other host may be.
    if (report && !report->facts.in_recovery) {
      callbacks.done(*report);
      return;
    }
    callbacks.waiting(report ? "the database is a standby in recovery" : report.error().context);
    const MutexLock lock(mutex);
    stopped.WaitFor(mutex, stop, wait, [] { return false; });
  }
}

}  // namespace

StartupProbe::StartupProbe(const config::Config& config, Callbacks callbacks)
    : thread_([postgres = config.postgres, callbacks = std::move(callbacks)](
                  const std::stop_token& stop) { Probe(stop, postgres, callbacks); }) {}

}  // namespace usage_ingest::service
