#pragma once
// TokenBucket: how long to wait so that a rate is not exceeded.
//
// Thread-safety none.
#include <algorithm>
#include <chrono>

namespace usage_ingest {

class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;
  struct Rate {
    double per_second;
    double burst;
  };

  TokenBucket(Rate rate, Clock::time_point now) : rate_(rate), tokens_(rate.burst), as_of_(now) {}

  // Takes one token, in advance when there is none: the answer is how long to wait for it.
  [[nodiscard]] Clock::duration Take(Clock::time_point now) {
    const std::chrono::duration<double> since = now - as_of_;
    tokens_ = std::min(rate_.burst, tokens_ + since.count() * rate_.per_second);
    as_of_ = now;
    tokens_ -= 1;
    if (tokens_ >= 0) return {};
    const std::chrono::duration<double> wait(-tokens_ / rate_.per_second);
    return std::chrono::duration_cast<Clock::duration>(wait);
  }

 private:
  Rate rate_;
  double tokens_;
  Clock::time_point as_of_;
};

}  // namespace usage_ingest
