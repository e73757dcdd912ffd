#include "daemon/telemetry/catch_up.h"

#include <algorithm>

namespace usage_ingest::telemetry {
namespace {

// Shorter, and a large batch looks like a change of speed.
constexpr std::chrono::seconds kSpeedOver{30};

}  // namespace

std::optional<double> CatchUpSeconds(const std::optional<Lag>& lag,
                                     std::span<const float> lag_records,
                                     std::chrono::seconds period) {
  if (!lag) return std::nullopt;
  if (lag->seconds < kCaughtUpSeconds) return 0;
  const auto wanted = static_cast<std::size_t>(kSpeedOver / period) + 1;
  const auto samples = lag_records.last(std::min(wanted, lag_records.size()));
  if (samples.size() < 2) return std::nullopt;
  const double fallen = static_cast<double>(samples.front()) - static_cast<double>(samples.back());
  if (!(fallen > 0)) return std::nullopt;  // NaN too
  const auto periods = static_cast<double>(samples.size() - 1);
  const double seconds = periods * std::chrono::duration<double>(period).count();
  return static_cast<double>(lag->records) * seconds / fallen;
}

}  // namespace usage_ingest::telemetry
