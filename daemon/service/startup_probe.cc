#include "daemon/service/startup_probe.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "daemon/assembly/topic_advice.h"
#include "schema/mutex.h"

namespace usage_ingest::service {
namespace {

constexpr auto kFirstWait = std::chrono::milliseconds(250);
constexpr auto kLongestWait = std::chrono::milliseconds(4000);

// It bounds how long an end of the daemon may wait for this thread.
constexpr auto kTopicsTimeout = std::chrono::milliseconds(2000);
constexpr auto kTopicsEvery = std::chrono::milliseconds(30'000);

// False: it was stopped.
bool Wait(const std::stop_token& stop, std::chrono::milliseconds time) {
  Mutex mutex;
  CondVar stopped;
  const MutexLock lock(mutex);
  stopped.WaitFor(mutex, stop, time, [] { return false; });
  return !stop.stop_requested();
}

// Brokers that are away are tried again; why they are away is told by the consumer.
void WarnOfTopics(const std::stop_token& stop, const config::Config& config) {
  auto advice = assembly::QueryTopicAdvice(config, kTopicsTimeout);
  while (!advice) {
    if (!Wait(stop, kTopicsEvery)) return;
    advice = assembly::QueryTopicAdvice(config, kTopicsTimeout);
  }
  for (const Problem& problem : *advice) {
    spdlog::warn("{}; fix: {}", problem.what, problem.fix);
  }
}

void Probe(const std::stop_token& stop, const config::Config& config,
           const ProbeCallbacks& callbacks) {
  const config::PostgresConfig& postgres = config.postgres;
  for (auto wait = kFirstWait; !stop.stop_requested(); wait = std::min(wait * 2, kLongestWait)) {
    const auto report = postgres::probe::ProbeDatabase(postgres.conninfo, postgres.writers);
    // A standby counts as away: it may be promoted, or the conninfo's other host may be.
    if (report && !report->facts.in_recovery) {
      callbacks.done(*report);
      if (report->ok()) WarnOfTopics(stop, config);
      return;
    }
    callbacks.waiting(report ? "the database is a standby in recovery" : report.error().context);
    if (!Wait(stop, wait)) return;
  }
}

}  // namespace

std::jthread ProbeInThread(const config::Config& config, ProbeCallbacks callbacks) {
  return std::jthread([config, callbacks = std::move(callbacks)](const std::stop_token& stop) {
    Probe(stop, config, callbacks);
  });
}

}  // namespace usage_ingest::service
