#include "daemon/telemetry/lag_tracker.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace usage_ingest::telemetry {
namespace {

// REQUIRES: the high watermark is known.
std::int64_t RecordsBehind(const pipeline::PartitionLag& lag) {
  return std::max<std::int64_t>(0, lag.high_watermark->value - lag.committed.value);
}

}  // namespace

std::int64_t SystemClockMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

LagTracker::LagTracker(WallClockMs clock) : clock_(std::move(clock)) {}

void LagTracker::Report(const pipeline::PartitionLag& lag) {
  const std::int64_t now = clock_();
  const MutexLock lock(mutex_);
  const auto [at, is_new] = states_.try_emplace(*lag.source, State{{}, 0, now});
  State& state = at->second;
  const bool progressed = !state.lag || lag.committed != state.lag->committed;
  const bool was_known = state.lag && state.lag->high_watermark;
  state.lag = lag;
  if (!lag.high_watermark) {
    if (was_known) state.unknown_since_ms = now;
    return;
  }
  if (RecordsBehind(lag) == 0) {
    state.behind_since_ms = 0;
  } else if (state.behind_since_ms == 0 || progressed) {
    // After progress the oldest record is a younger one.
    state.behind_since_ms = now;
  }
}

void LagTracker::Assign(std::span<const TopicPartition* const> assigned) {
  const std::int64_t now = clock_();
  const MutexLock lock(mutex_);
  std::erase_if(states_, [&](const auto& entry) {
    return std::ranges::none_of(assigned,
                                [&](const TopicPartition* kept) { return *kept == entry.first; });
  });
  for (const TopicPartition* source : assigned) states_.try_emplace(*source, State{{}, 0, now});
}

PartitionLagNow LagTracker::Now(const TopicPartition& source, const State& state,
                                std::int64_t now) {
  PartitionLagNow result{.source = source, .committed = {}, .known = {}, .unknown_ms = 0};
  if (state.lag) result.committed = state.lag->committed;
  if (!state.lag || !state.lag->high_watermark) {
    result.unknown_ms = now - state.unknown_since_ms;
    return result;
  }
  const std::int64_t since = state.lag->oldest_uncommitted_ms > 0 ? state.lag->oldest_uncommitted_ms
                                                                  : state.behind_since_ms;
  const std::int64_t age_ms = since == 0 ? 0 : std::max<std::int64_t>(0, now - since);
  result.known = {.high_watermark = *state.lag->high_watermark,
                  .records = RecordsBehind(*state.lag),
                  .seconds = static_cast<double>(age_ms) / 1000};
  return result;
}

std::vector<PartitionLagNow> LagTracker::Now() const {
  const std::int64_t now = clock_();
  std::vector<PartitionLagNow> result;
  const MutexLock lock(mutex_);
  for (const auto& [source, state] : states_) result.push_back(Now(source, state, now));
  return result;
}

}  // namespace usage_ingest::telemetry
