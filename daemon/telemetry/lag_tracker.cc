#include "daemon/telemetry/lag_tracker.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace usage_ingest::telemetry {
namespace {

std::int64_t RecordsBehind(const pipeline::PartitionLag& lag) {
  return std::max<std::int64_t>(0, lag.high_watermark.value - lag.committed.value);
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
  State& state = states_.try_emplace(*lag.source, State{lag}).first->second;
  const bool progressed = lag.committed != state.lag.committed;
  state.lag = lag;
  if (RecordsBehind(lag) == 0) {
    state.behind_since_ms = 0;
  } else if (state.behind_since_ms == 0 || progressed) {
    // After progress the oldest record is a younger one.
    state.behind_since_ms = now;
  }
}

void LagTracker::KeepOnly(std::span<const TopicPartition* const> assigned) {
  const MutexLock lock(mutex_);
  std::erase_if(states_, [&](const auto& entry) {
    return std::ranges::none_of(assigned,
                                [&](const TopicPartition* kept) { return *kept == entry.first; });
  });
}

std::vector<PartitionLagNow> LagTracker::Now() const {
  const std::int64_t now = clock_();
  std::vector<PartitionLagNow> result;
  const MutexLock lock(mutex_);
  for (const auto& [source, state] : states_) {
    const std::int64_t since = state.lag.oldest_uncommitted_ms > 0 ? state.lag.oldest_uncommitted_ms
                                                                   : state.behind_since_ms;
    const std::int64_t age_ms = since == 0 ? 0 : std::max<std::int64_t>(0, now - since);
    result.push_back({state.lag.source, state.lag.high_watermark, state.lag.committed,
                      RecordsBehind(state.lag), static_cast<double>(age_ms) / 1000});
  }
  return result;
}

}  // namespace usage_ingest::telemetry
