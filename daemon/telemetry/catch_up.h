#pragma once
// CatchUpSeconds: how long until a partition has caught up, at the speed of the last half minute.
//
// Units         seconds; 0 when it has, that is while it is less than kCaughtUpSeconds behind.
//               std::nullopt when the lag is unknown or does not fall.
#include <chrono>
#include <optional>
#include <span>

#include "daemon/telemetry/status_snapshot.h"

namespace usage_ingest::telemetry {

// A daemon that is up to date is behind by the age of its open batch and of a slow transaction.
inline constexpr double kCaughtUpSeconds = 10;

// `lag_records` are its samples, one each `period`, oldest first; NaN: unknown.
[[nodiscard]] std::optional<double> CatchUpSeconds(const std::optional<Lag>& lag,
                                                   std::span<const float> lag_records,
                                                   std::chrono::seconds period);

}  // namespace usage_ingest::telemetry
