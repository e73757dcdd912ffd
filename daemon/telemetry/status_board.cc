#include "daemon/telemetry/status_board.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "daemon/telemetry/catch_up.h"
#include "daemon/telemetry/held_batches.h"
#include "daemon/telemetry/ignored_events.h"
#include "daemon/telemetry/phase_times.h"
#include "daemon/telemetry/postgres_sessions.h"
#include "daemon/telemetry/recent_errors.h"
#include "daemon/telemetry/series.h"
#include "schema/mutex.h"

namespace usage_ingest::telemetry {
namespace {

// A rate over one sample jumps with the batches; over five it can be read.
constexpr std::size_t kRateSamples = 5;
// A new assignment knows its lag within a second.
constexpr std::int64_t kUnknownLagMs = 10'000;
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct Partition {
  bool assigned = false;
  std::int64_t unassigned_since_ms = 0;
  std::int64_t next_offset = 0;
  std::int64_t batches = 0;
  std::int64_t last_commit_ms = 0;
  EventCounts counts;
  std::int64_t sampled_events = 0;
  Series rates;
  Series lags;
  std::optional<StuckStatus> stuck;
};

const PartitionLagNow* Find(const std::vector<PartitionLagNow>& lags,
                            const TopicPartition& source) {
  const auto found = std::ranges::find(lags, source, &PartitionLagNow::source);
  return found == lags.end() ? nullptr : &*found;
}

// The whole has caught up when its last partition has.
std::optional<double> CatchUpOfAll(const StatusSnapshot& snapshot) {
  if (!snapshot.lag) return std::nullopt;
  double seconds = 0;
  for (const PartitionStatus& partition : snapshot.partitions) {
    if (!partition.catch_up_seconds) return std::nullopt;
    seconds = std::max(seconds, *partition.catch_up_seconds);
  }
  return seconds;
}

// Everything that needs the board's mutex.
struct State : IgnoredByStatusBoard {
  State(const StatusBoard::Options& board_options, LagTracker& lag_tracker)
      : options(board_options), lag(lag_tracker) {}

  using IgnoredByStatusBoard::operator();
  void operator()(const pipeline::BatchCommitted& batch);
  void operator()(const pipeline::DeadLettersHealed& healed) {
    totals.dead_letters_healed += healed.count;
  }
  void operator()(const pipeline::DeadLettersPending& pending) {
    totals.dead_letters_pending =
        std::reduce(pending.by_reason.begin(), pending.by_reason.end(), std::int64_t{0});
  }
  void operator()(const pipeline::RowsMissing& missing) {
    totals.missing_rows = MissingRows{missing.samples, std::string(missing.what)};
  }
  void operator()(const pipeline::SetAsideCounted& counted);
  void operator()(const pipeline::PartitionRunway& runway) {
    totals.partition_runway = runway.time;
  }
  void operator()(const pipeline::BatchHeld& event) {
    held.Set(event, std::chrono::steady_clock::now());
  }
  void operator()(const pipeline::PostgresFailed& failure) {
    postgres_message = failure.message.substr(0, RecentErrors::kMessageBytesMax);
    NoteError("postgres", failure.message);
  }
  void operator()(const pipeline::PostgresSession& event) { sessions.Set(event); }
  void operator()(const pipeline::CopyPathChosen& event) { sessions.Set(event); }
  void operator()(const pipeline::Fenced& event) {
    ++totals.fenced;
    NoteError("fencing", event.why);
  }
  void operator()(const pipeline::KafkaFailed& failure) {
    kafka_message = failure.message.substr(0, RecentErrors::kMessageBytesMax);
    NoteError("kafka", failure.message);
  }
  void operator()(const pipeline::GroupMembership& event) { group_joined = event.joined; }
  void operator()(const pipeline::PartitionsAssigned& assigned);
  void operator()(const pipeline::OffsetGap& gap) {
    NoteError("gap", fmt::format("{} records of {} partition {} were gone from Kafka", gap.records,
                                 gap.source->topic, gap.source->partition.value));
  }
  void operator()(const pipeline::LogChanged& event) {
    NoteError("log",
              fmt::format("the log of {} partition {} was {}", event.source->topic,
                          event.source->partition.value,
                          pipeline::kLogChangeNames.at(static_cast<std::size_t>(event.change))));
  }
  void operator()(const pipeline::ReadingPaused& event) {
    switch (event.reason) {
      case pipeline::PauseReason::kMemory:
        totals.paused_for_memory = event.paused;
        return;
      case pipeline::PauseReason::kPostgres:
        totals.paused_for_postgres = event.paused;
        return;
    }
  }
  void operator()(const pipeline::PartitionStuck& event);
  void operator()(const pipeline::PartitionLag& report) { lag.Report(report); }
  void operator()(const pipeline::ReadinessBlocked& event) { blocked_by = event.why; }

  void NoteError(std::string_view source, std::string_view message) {
    errors.Add(source, message, options.clock());
  }
  [[nodiscard]] Readiness readiness() const;
  [[nodiscard]] Readiness KafkaReadiness() const;
  [[nodiscard]] std::string Attention() const;
  [[nodiscard]] std::optional<Lag> TotalLag(const std::vector<PartitionLagNow>& lags_now) const;
  void Sample();
  [[nodiscard]] StatusSnapshot Snapshot() const;
  void FillPartitions(StatusSnapshot& snapshot, const std::vector<PartitionLagNow>& lags_now) const;

  const StatusBoard::Options& options;
  const std::int64_t started_ms = options.clock();
  LagTracker& lag;
  std::map<TopicPartition, Partition> partitions;
  StatusSnapshot totals;  // only its plain counters and flags are kept here
  PhaseTimes phases;
  PostgresSessions sessions;
  HeldBatches held;
  bool group_joined = false;
  std::string postgres_message;
  std::string kafka_message;
  std::string blocked_by;
  RecentErrors errors;
  std::int64_t sampled_at_ms = started_ms;
  std::int64_t sampled_events = 0;
  Series rates;
  Series lags;
};

void State::operator()(const pipeline::BatchCommitted& batch) {
  const std::int64_t now = options.clock();
  for (const pipeline::PartitionProgress& progress : batch.partitions) {
    Partition& partition = partitions[*progress.source];
    partition.next_offset = progress.next_offset.value;
    partition.counts.Add(progress.counts);
    partition.last_commit_ms = now;
    ++partition.batches;
    totals.totals.Add(progress.counts);
  }
  ++totals.batches;
  phases.Add(batch);
  totals.suspended += batch.suspended;
  std::ranges::transform(totals.dead_letters, batch.dead_letters, totals.dead_letters.begin(),
                         std::plus<>());
  std::ranges::transform(totals.skipped, batch.skipped, totals.skipped.begin(), std::plus<>());
}

void State::operator()(const pipeline::PartitionsAssigned& assigned) {
  const std::int64_t now = options.clock();
  lag.Assign(assigned.partitions);
  ++totals.rebalances;
  for (auto& [source, partition] : partitions) {
    if (partition.assigned) partition.unassigned_since_ms = now;
    partition.assigned = false;
  }
  for (const TopicPartition* source : assigned.partitions) partitions[*source].assigned = true;
  for (auto& [source, partition] : partitions) {
    if (!partition.assigned) partition.stuck.reset();
  }
}

void State::operator()(const pipeline::PartitionStuck& event) {
  std::optional<StuckStatus>& stuck = partitions[*event.source].stuck;
  if (!event.stuck) return stuck.reset();
  const std::int64_t since = stuck ? stuck->since_ms : options.clock();
  stuck = {event.reason, event.offset.value, since, std::string(event.why)};
  NoteError("kafka", event.why);
}

void State::operator()(const pipeline::SetAsideCounted& counted) {
  totals.set_aside.clear();
  for (const pipeline::SetAsideEvents& group : counted.groups) {
    totals.set_aside.push_back(
        {group.reason, group.events, group.since_ms,
         std::string(group.detail.substr(0, RecentErrors::kMessageBytesMax))});
  }
}

// A part is not written, or is gone, while the rest is written: the daemon is ready.
std::string State::Attention() const {
  std::string text;
  if (totals.missing_rows && totals.missing_rows->samples != 0) text = totals.missing_rows->what;
  for (const SetAsideStatus& group : totals.set_aside) {
    text += fmt::format("{}{} events are set aside ({}): {}", text.empty() ? "" : "\n",
                        group.events, Name(group.reason), group.detail);
  }
  return text;
}

Readiness State::readiness() const {
  if (!blocked_by.empty()) return {false, blocked_by};
  if (!sessions.all_up()) {
    return {false, postgres_message.empty()
                       ? "PostgreSQL is not connected yet"
                       : fmt::format("PostgreSQL does not answer: {}", postgres_message)};
  }
  if (!group_joined) {
    return {false, kafka_message.empty()
                       ? "the Kafka consumer group is not joined yet"
                       : fmt::format("the Kafka consumer group is not joined: {}", kafka_message)};
  }
  return KafkaReadiness();
}

// The daemon is ready while it can read some of its partitions; what is stuck is said all the same.
Readiness State::KafkaReadiness() const {
  Readiness result{true, {}};
  bool any_is_read = false;
  for (const auto& [source, partition] : partitions) {
    if (!partition.assigned) continue;
    if (!partition.stuck) {
      any_is_read = true;
      continue;
    }
    result.reason += (result.reason.empty() ? "" : "\n") + partition.stuck->why;
  }
  result.ready = any_is_read || result.reason.empty();
  if (const std::string attention = Attention(); !attention.empty()) {
    result.reason += (result.reason.empty() ? "" : "\n") + attention;
  }
  for (const PartitionLagNow& now : lag.Now()) {
    if (now.known || now.unknown_ms < kUnknownLagMs) continue;
    return {false, fmt::format("the lag of {}[{}] is unknown, Kafka does not tell where its log "
                               "ends: {}",
                               now.source.topic, now.source.partition.value, kafka_message)};
  }
  return result;
}

std::optional<Lag> State::TotalLag(const std::vector<PartitionLagNow>& lags_now) const {
  if (!group_joined) return std::nullopt;
  Lag total;
  for (const auto& [source, partition] : partitions) {
    if (!partition.assigned) continue;
    const PartitionLagNow* now = Find(lags_now, source);
    if (now == nullptr || !now->known) return std::nullopt;
    total.records += now->known->records;
    total.seconds = std::max(total.seconds, now->known->seconds);
  }
  return total;
}

void State::Sample() {
  const std::int64_t now = options.clock();
  const double seconds = static_cast<double>(now - sampled_at_ms) / 1000;
  if (seconds <= 0) return;
  sampled_at_ms = now;
  const auto rate_since = [seconds](std::int64_t events, std::int64_t& sampled) {
    return static_cast<double>(events - std::exchange(sampled, events)) / seconds;
  };
  const auto lags_now = lag.Now();
  for (auto& [source, partition] : partitions) {
    const PartitionLagNow* known = Find(lags_now, source);
    partition.rates.Add(rate_since(partition.counts.events, partition.sampled_events));
    partition.lags.Add(
        known == nullptr || !known->known ? kUnknown : static_cast<double>(known->known->records));
  }
  const std::optional<Lag> total = TotalLag(lags_now);
  rates.Add(rate_since(totals.totals.events, sampled_events));
  phases.Sample();
  lags.Add(total ? static_cast<double>(total->records) : kUnknown);
  std::erase_if(partitions, [&](const auto& entry) {
    const auto gone_for = std::chrono::milliseconds(now - entry.second.unassigned_since_ms);
    return !entry.second.assigned && gone_for > StatusBoard::kForgetAfter;
  });
}

void State::FillPartitions(StatusSnapshot& snapshot,
                           const std::vector<PartitionLagNow>& lags_now) const {
  for (const auto& [source, partition] : partitions) {
    if (!partition.assigned) continue;
    PartitionStatus status;
    status.source = source;
    status.next_offset = partition.next_offset;
    status.rate = partition.rates.Mean(kRateSamples);
    status.batches = partition.batches;
    status.last_commit_ms = partition.last_commit_ms;
    status.counts = partition.counts;
    status.rate_history = partition.rates.Values();
    status.lag_history = partition.lags.Values();
    status.stuck = partition.stuck;
    if (const PartitionLagNow* now = Find(lags_now, source); now != nullptr) {
      if (now->committed) {
        status.next_offset = std::max(status.next_offset, now->committed->value);
      }
      if (now->known) {
        status.high_watermark = now->known->high_watermark.value;
        status.lag = Lag{now->known->records, now->known->seconds};
      }
    }
    status.catch_up_seconds =
        CatchUpSeconds(status.lag, status.lag_history, StatusBoard::kSamplePeriod);
    snapshot.partitions.push_back(std::move(status));
  }
}

StatusSnapshot State::Snapshot() const {
  const auto lags_now = lag.Now();
  StatusSnapshot snapshot = totals;
  snapshot.version = options.version;
  snapshot.commit = options.commit;
  snapshot.group_id = options.group_id;
  snapshot.started_ms = started_ms;
  snapshot.now_ms = options.clock();
  snapshot.readiness = readiness();
  snapshot.rate = rates.Mean(kRateSamples);
  snapshot.lag = TotalLag(lags_now);
  snapshot.postgres_up = sessions.all_up();
  snapshot.kafka_up = group_joined;
  if (const auto path = sessions.copy_path()) {
    snapshot.copy_path = pipeline::kCopyPathNames[static_cast<std::size_t>(*path)];
  }
  snapshot.batch_held_seconds = held.Seconds(std::chrono::steady_clock::now());
  snapshot.phase_seconds = phases.MeanSeconds();
  snapshot.errors = errors.list();
  snapshot.rate_history = rates.Values();
  snapshot.lag_history = lags.Values();
  FillPartitions(snapshot, lags_now);
  snapshot.catch_up_seconds = CatchUpOfAll(snapshot);
  return snapshot;
}

}  // namespace

struct StatusBoard::Impl {
  explicit Impl(Options given) : options(std::move(given)), lag(options.clock) {}

  const Options options;
  LagTracker lag;  // has a mutex of its own, since Metrics reads it too
  Mutex mutex;
  State state GUARDED_BY(mutex){options, lag};
};

StatusBoard::StatusBoard(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

StatusBoard::~StatusBoard() = default;

void StatusBoard::On(const pipeline::TelemetryEvent& event) {
  const MutexLock lock(impl_->mutex);
  std::visit(impl_->state, event);
}

const LagTracker& StatusBoard::lag() const { return impl_->lag; }

void StatusBoard::Sample() {
  const MutexLock lock(impl_->mutex);
  impl_->state.Sample();
}

Readiness StatusBoard::readiness() const {
  const MutexLock lock(impl_->mutex);
  return impl_->state.readiness();
}

StatusSnapshot StatusBoard::Snapshot() const {
  const QueueStatus queue = impl_->options.queue();
  const MutexLock lock(impl_->mutex);
  StatusSnapshot snapshot = impl_->state.Snapshot();
  snapshot.queue = queue;
  return snapshot;
}

}  // namespace usage_ingest::telemetry
