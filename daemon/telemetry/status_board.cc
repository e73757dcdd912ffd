#include "daemon/telemetry/status_board.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include "daemon/telemetry/series.h"
#include "daemon/telemetry/sessions_up.h"

namespace usage_ingest::telemetry {
namespace {

// A rate over one sample jumps with the batches; over five it can be read.
constexpr std::size_t kRateSamples = 5;
// libpq's messages may hold a whole statement.
constexpr std::size_t kMessageBytesMax = 500;

struct Partition {
  bool assigned = false;
  std::int64_t unassigned_since_ms = 0;
  std::int64_t next_offset = 0;
  std::int64_t batches = 0;
  std::int64_t last_commit_ms = 0;
  EventCounts outcomes;
  std::int64_t sampled_events = 0;
  Series rates;
  Series lags;
};

const PartitionLagNow* Find(const std::vector<PartitionLagNow>& lags,
                            const TopicPartition& source) {
  const auto found =
      std::ranges::find_if(lags, [&](const auto& each) { return *each.source == source; });
  return found == lags.end() ? nullptr : &*found;
}

}  // namespace

struct StatusBoard::State {
  explicit State(Options given) : options(std::move(given)), lag(options.clock) {}

  void NoteError(std::string_view source, std::string_view message);
  [[nodiscard]] Readiness Judge() const;
  void FillPartitions(StatusSnapshot& snapshot) const;

  const Options options;
  const std::int64_t started_ms = options.clock();
  LagTracker lag;  // locks by itself, within `mutex` or without

  mutable std::mutex mutex;  // guards everything below
  std::map<TopicPartition, Partition> partitions;
  StatusSnapshot counts;  // only its plain counters and flags are kept here
  SessionsUp sessions;
  bool group_joined = false;
  std::string postgres_message;
  std::string kafka_message;
  std::string held_back;
  std::deque<RecentError> errors;
  std::int64_t sampled_at_ms = started_ms;
  std::int64_t sampled_events = 0;
  Series rates;
  Series lags;
};

void StatusBoard::State::NoteError(std::string_view source, std::string_view message) {
  message = message.substr(0, kMessageBytesMax);
  const std::int64_t now = options.clock();
  // A database that is away says the same every few seconds; one line is enough.
  if (!errors.empty() && errors.front().source == source && errors.front().message == message) {
    errors.front().time_ms = now;
    ++errors.front().times;
    return;
  }
  errors.push_front({now, std::string(source), std::string(message)});
  if (errors.size() > kErrorsKept) errors.pop_back();
}

Readiness StatusBoard::State::Judge() const {
  if (!held_back.empty()) return {false, held_back};
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
  return {true, {}};
}

void StatusBoard::State::FillPartitions(StatusSnapshot& snapshot) const {
  const auto lags_now = lag.Now();
  for (const auto& [source, partition] : partitions) {
    if (!partition.assigned) continue;
    PartitionStatus status;
    status.source = source;
    status.next_offset = partition.next_offset;
    status.rate = partition.rates.Mean(kRateSamples);
    status.batches = partition.batches;
    status.last_commit_ms = partition.last_commit_ms;
    status.outcomes = partition.outcomes;
    status.rate_history = partition.rates.Values();
    status.lag_history = partition.lags.Values();
    if (const PartitionLagNow* now = Find(lags_now, source); now != nullptr) {
      status.next_offset = std::max(status.next_offset, now->committed.value);
      status.high_watermark = now->high_watermark.value;
      status.lag_records = now->records;
      status.lag_seconds = now->seconds;
    }
    snapshot.lag_records += status.lag_records;
    snapshot.lag_seconds = std::max(snapshot.lag_seconds, status.lag_seconds);
    snapshot.partitions.push_back(std::move(status));
  }
}

StatusBoard::StatusBoard(Options options) : state_(std::make_unique<State>(std::move(options))) {}

StatusBoard::~StatusBoard() = default;

void StatusBoard::BatchCommitted(std::size_t, const pipeline::BatchReport& report) {
  const std::int64_t now = state_->options.clock();
  const std::scoped_lock lock(state_->mutex);
  StatusSnapshot& counts = state_->counts;
  for (const pipeline::PartitionProgress& progress : report.partitions) {
    Partition& partition = state_->partitions[*progress.source];
    partition.next_offset = progress.next_offset.value;
    partition.outcomes.Add(progress.outcomes);
    partition.last_commit_ms = now;
    ++partition.batches;
    counts.totals.Add(progress.outcomes);
  }
  ++counts.batches;
  counts.suspended += report.suspended;
  for (std::size_t i = 0; i < counts.dead_letters.size(); ++i) {
    counts.dead_letters[i] += report.dead_letters[i];
  }
  for (std::size_t i = 0; i < counts.skipped.size(); ++i) counts.skipped[i] += report.skipped[i];
}

void StatusBoard::DeadLettersHealed(std::int64_t count) {
  const std::scoped_lock lock(state_->mutex);
  state_->counts.dead_letters_healed += count;
}

void StatusBoard::PostgresError(pipeline::PostgresErrorClass, std::string_view message) {
  const std::scoped_lock lock(state_->mutex);
  state_->postgres_message = message.substr(0, kMessageBytesMax);
  state_->NoteError("postgres", message);
}

void StatusBoard::PostgresUp(std::size_t session, bool up) {
  const std::scoped_lock lock(state_->mutex);
  state_->sessions.Set(session, up);
}

void StatusBoard::Fenced(std::string_view why) {
  const std::scoped_lock lock(state_->mutex);
  ++state_->counts.fenced;
  state_->NoteError("fencing", why);
}

void StatusBoard::KafkaError(pipeline::KafkaErrorClass, std::string_view message) {
  const std::scoped_lock lock(state_->mutex);
  state_->kafka_message = message.substr(0, kMessageBytesMax);
  state_->NoteError("kafka", message);
}

void StatusBoard::Rebalanced(std::span<const TopicPartition* const> assigned) {
  const std::int64_t now = state_->options.clock();
  state_->lag.KeepOnly(assigned);
  const std::scoped_lock lock(state_->mutex);
  ++state_->counts.rebalances;
  for (auto& [source, partition] : state_->partitions) {
    if (partition.assigned) partition.unassigned_since_ms = now;
    partition.assigned = false;
  }
  for (const TopicPartition* source : assigned) state_->partitions[*source].assigned = true;
}

void StatusBoard::GroupJoined(bool joined) {
  const std::scoped_lock lock(state_->mutex);
  state_->group_joined = joined;
}

void StatusBoard::OffsetGap(const TopicPartition& source, std::int64_t records) {
  const std::scoped_lock lock(state_->mutex);
  state_->NoteError("gap", fmt::format("{} records of {} partition {} were gone from Kafka",
                                       records, source.topic, source.partition.value));
}

void StatusBoard::Paused(pipeline::PauseReason reason, bool paused) {
  const std::scoped_lock lock(state_->mutex);
  switch (reason) {
    case pipeline::PauseReason::kMemory:
      state_->counts.paused_for_memory = paused;
      return;
    case pipeline::PauseReason::kPostgres:
      state_->counts.paused_for_postgres = paused;
      return;
  }
}

void StatusBoard::Lag(const TopicPartition& source, const pipeline::PartitionLag& lag) {
  state_->lag.Report(source, lag);
}

const LagTracker& StatusBoard::lag() const { return state_->lag; }

void StatusBoard::SetDeadLettersPending(std::int64_t count) {
  const std::scoped_lock lock(state_->mutex);
  state_->counts.dead_letters_pending = count;
}

void StatusBoard::SetPartitionRunway(std::chrono::seconds runway) {
  const std::scoped_lock lock(state_->mutex);
  state_->counts.partition_runway = runway;
}

void StatusBoard::SetCopyPath(std::string_view path) {
  const std::scoped_lock lock(state_->mutex);
  state_->counts.copy_path = path;
}

void StatusBoard::SetHeldBack(std::string_view reason) {
  const std::scoped_lock lock(state_->mutex);
  state_->held_back = reason;
}

void StatusBoard::Sample() {
  const auto lags_now = state_->lag.Now();
  const std::int64_t now = state_->options.clock();
  const std::scoped_lock lock(state_->mutex);
  const double seconds = static_cast<double>(now - state_->sampled_at_ms) / 1000;
  if (seconds <= 0) return;
  state_->sampled_at_ms = now;
  const auto rate_since = [seconds](std::int64_t events, std::int64_t& sampled) {
    const auto step = static_cast<double>(events - std::exchange(sampled, events));
    return step / seconds;
  };
  std::int64_t lag_records = 0;
  for (auto& [source, partition] : state_->partitions) {
    const PartitionLagNow* lag = Find(lags_now, source);
    const std::int64_t records = lag == nullptr ? 0 : lag->records;
    partition.rates.Add(rate_since(partition.outcomes.events, partition.sampled_events));
    partition.lags.Add(static_cast<double>(records));
    lag_records += records;
  }
  state_->rates.Add(rate_since(state_->counts.totals.events, state_->sampled_events));
  state_->lags.Add(static_cast<double>(lag_records));
  std::erase_if(state_->partitions, [&](const auto& entry) {
    const auto gone_for = std::chrono::milliseconds(now - entry.second.unassigned_since_ms);
    return !entry.second.assigned && gone_for > kForgetAfter;
  });
}

Readiness StatusBoard::readiness() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->Judge();
}

StatusSnapshot StatusBoard::Snapshot() const {
  const QueueStatus queue = state_->options.queue();
  const std::scoped_lock lock(state_->mutex);
  StatusSnapshot snapshot = state_->counts;
  snapshot.version = state_->options.version;
  snapshot.commit = state_->options.commit;
  snapshot.group_id = state_->options.group_id;
  snapshot.started_ms = state_->started_ms;
  snapshot.now_ms = state_->options.clock();
  snapshot.readiness = state_->Judge();
  snapshot.rate = state_->rates.Mean(kRateSamples);
  snapshot.queue = queue;
  snapshot.postgres_up = state_->sessions.all_up();
  snapshot.errors.assign(state_->errors.begin(), state_->errors.end());
  snapshot.rate_history = state_->rates.Values();
  snapshot.lag_history = state_->lags.Values();
  state_->FillPartitions(snapshot);
  return snapshot;
}

}  // namespace usage_ingest::telemetry
