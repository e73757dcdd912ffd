#pragma once
// RecordRate: delivers no more records a second than it is told.
//
// Owner         the reader's thread. It may wait for any time: there is no group that polls are due
//               for.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <thread>

#include "schema/error.h"
#include "schema/token_bucket.h"

namespace usage_ingest::kafka::range {

class RecordRate {
 public:
  // 0: without a limit.
  explicit RecordRate(std::int64_t records_per_second_max) {
    if (records_per_second_max == 0) return;
    // A nap of the scheduler must not lower the rate.
    constexpr double kBurstSeconds = 0.1;
    const auto per_second = static_cast<double>(records_per_second_max);
    bucket_.emplace(TokenBucket::Rate{.per_second = per_second,
                                      .burst = std::max(1.0, per_second * kBurstSeconds)},
                    TokenBucket::Clock::now());
  }

  // Returns when the next record may be delivered; kShuttingDown: stopped.
  [[nodiscard]] Result<> Wait(const std::stop_token& stop) {
    if (!bucket_) return {};
    constexpr auto kNap = std::chrono::milliseconds(1);
    const auto now = TokenBucket::Clock::now();
    const auto due = now + bucket_->Take(now);
    while (TokenBucket::Clock::now() < due) {
      if (stop.stop_requested()) return Fail(ErrorCode::kShuttingDown, "stopped");
      std::this_thread::sleep_for(kNap);
    }
    return {};
  }

 private:
  std::optional<TokenBucket> bucket_;
};

}  // namespace usage_ingest::kafka::range
