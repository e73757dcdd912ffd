#pragma once
// RestartDelay: how long to wait before re-reading all partitions, so that a fault which returns at
// once does not load PostgreSQL and the brokers with restarts.
//
// Owner         the consumer thread. Time is an argument.
#include <algorithm>
#include <chrono>

#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {

class RestartDelay {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  // A fault after this much undisturbed reading is a new one.
  static constexpr auto kForgetAfter = std::chrono::seconds(30);

  // Zero the first time, then doubling from kBackoffMin to kBackoffMax.
  [[nodiscard]] std::chrono::milliseconds Next(TimePoint now) {
    if (now - last_ > kForgetAfter) next_ = std::chrono::milliseconds(0);
    last_ = now;
    const auto delay = next_;
    next_ =
        std::clamp<std::chrono::milliseconds>(2 * next_, limits::kBackoffMin, limits::kBackoffMax);
    return delay;
  }

 private:
  std::chrono::milliseconds next_{0};
  TimePoint last_;
};

}  // namespace usage_ingest::kafka::consumer
