#pragma once
// RestartDelay: how long to wait before reading is begun anew, so that a fault which comes back at
// once does not keep PostgreSQL and the brokers busy with our beginnings.
//
// Owner         the consumer thread. Time is an argument.
#include <algorithm>
#include <chrono>

#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {

class RestartDelay {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  // Reading that went well for this long is no part of the same trouble.
  static constexpr auto kForgetAfter = std::chrono::seconds(30);

  // None the first time, then doubling from kBackoffMin to kBackoffMax.
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
