#include "daemon/telemetry/log_sink.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "daemon/telemetry/ignored_events.h"

namespace usage_ingest::telemetry {
namespace {

double Milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

std::string NameOf(const pipeline::SessionId& session) {
  switch (session.owner) {
    case pipeline::SessionId::Owner::kLane:
      return fmt::format("lane {}", session.lane);
    case pipeline::SessionId::Owner::kHousekeeper:
      return "housekeeper";
    case pipeline::SessionId::Owner::kDeadLetterRetry:
      break;
  }
  return "retry of dead letters";
}

}  // namespace

struct LogSink::Visitor : IgnoredByLog {
  explicit Visitor(LogSink& sink) : log(sink) {}
  using IgnoredByLog::operator();

  void operator()(const pipeline::BatchCommitted& batch) const {
    std::string phases;
    for (std::size_t i = 0; i < batch.phase_time.size(); ++i) {
      phases +=
          fmt::format(" {} {:.1f} ms", pipeline::kPhaseNames[i], Milliseconds(batch.phase_time[i]));
    }
    spdlog::debug("lane {}: {} rows, {} KiB{}:{}", batch.lane, batch.rows, batch.bytes / 1024,
                  batch.staged ? ", staged" : "", phases);
  }
  void operator()(const pipeline::DeadLettersHealed& healed) const {
    spdlog::info("{} dead letter{} healed", healed.count, healed.count == 1 ? "" : "s");
  }
  void operator()(const pipeline::RowsMissing& missing) const {
    if (missing.samples == 0) return;
    const auto message = log.Throttled(pipeline::MessageKind(missing.what), missing.what);
    if (message) spdlog::error("{}", *message);
  }
  void operator()(const pipeline::IndexesWatched& indexes) const {
    if (indexes.not_deferred == 0) return;
    const auto message = log.Throttled(
        "indexes", fmt::format("usage_logs has {} index(es) that are not deferred, although "
                               "partitions.indexes is \"deferred\": run `usage-ingestd migrate`",
                               indexes.not_deferred));
    if (message) spdlog::warn("{}", *message);
  }
  void operator()(const pipeline::PostgresFailed& failure) const {
    const auto message = log.Throttled(pipeline::MessageKind(failure.message), failure.message);
    if (!message) return;
    switch (failure.error_class) {
      case pipeline::PostgresErrorClass::kTransient:
        spdlog::warn("PostgreSQL: {}; holding the batch and trying again", *message);
        break;
      case pipeline::PostgresErrorClass::kData:
        spdlog::warn("PostgreSQL refused a row: {}; it becomes a dead letter", *message);
        break;
      case pipeline::PostgresErrorClass::kFatal:
        spdlog::error("PostgreSQL: {}", *message);
        break;
    }
  }
  void operator()(const pipeline::PostgresSession& event) const {
    if (event.up) spdlog::info("{}: connected to PostgreSQL", NameOf(event.session));
  }
  void operator()(const pipeline::CopyPathChosen& event) const {
    spdlog::info("{}: copy path: {}", NameOf(event.session),
                 event.path == pipeline::CopyPath::kBatch
                     ? "batch (locks on the parent rows replace the foreign keys)"
                     : "constraints (foreign keys and triggers stay on)");
  }
  void operator()(const pipeline::Fenced& event) const {
    spdlog::warn("reading again: {}", event.why);
  }
  void operator()(const pipeline::RereadRequested& event) const {
    spdlog::info("reading again: {}", event.why);
  }
  void operator()(const pipeline::PartitionsAssigned& assigned) const {
    std::string list;
    for (const TopicPartition* source : assigned.partitions) {
      list += fmt::format(" {}/{}", source->topic, source->partition.value);
    }
    spdlog::info("assigned:{}", list.empty() ? " nothing" : list);
  }
  void operator()(const pipeline::OffsetGap& gap) const {
    spdlog::error(
        "{}/{}: {} records are gone from Kafka before they were read (retention, a recreated topic "
        "or partitions skip); they cannot be billed",
        gap.source->topic, gap.source->partition.value, gap.records);
  }
  void operator()(const pipeline::PartitionStuck& event) const {
    if (!event.stuck) return;
    if (const auto why = log.Throttled(event.why, event.why)) spdlog::error("{}", *why);
  }
  void operator()(const pipeline::QuotaPeriodsStarted& started) const {
    spdlog::info("quota periods: {} started, counters from zero", started.subscriptions);
  }
  void operator()(const pipeline::ReadingPaused& event) const {
    spdlog::info("{} reading: {}", event.paused ? "paused" : "resumed",
                 event.reason == pipeline::PauseReason::kMemory ? "the queues are full"
                                                                : "PostgreSQL is away");
  }

  LogSink& log;
};

void LogSink::On(const pipeline::TelemetryEvent& event) { std::visit(Visitor(*this), event); }

std::optional<std::string> LogSink::Throttled(std::string_view key, std::string_view message) {
  const auto now = std::chrono::steady_clock::now();
  const MutexLock lock(mutex_);
  const auto suppressed = throttle_.Admit(key, now);
  if (!suppressed) return std::nullopt;
  return *suppressed == 0 ? std::string(message)
                          : fmt::format("{} (and {} like it)", message, *suppressed);
}

}  // namespace usage_ingest::telemetry
