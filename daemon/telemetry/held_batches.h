#pragma once
// HeldBatches: how long the oldest batch has been tried again.
//
// One lane can be held while the others write, so that lag and rate look fine.
//
// Thread-safety none; its owner's lock.
#include <algorithm>
#include <chrono>
#include <map>

#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::telemetry {

class HeldBatches {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  void Set(const pipeline::BatchHeld& event, TimePoint now) {
    if (event.held) {
      since_.try_emplace(event.session, now);
    } else {
      since_.erase(event.session);
    }
  }
  // 0: none is held.
  [[nodiscard]] double Seconds(TimePoint now) const {
    double longest = 0;
    for (const auto& [session, since] : since_) {
      longest = std::max(longest, std::chrono::duration<double>(now - since).count());
    }
    return longest;
  }

 private:
  std::map<pipeline::SessionId, TimePoint> since_;
};

}  // namespace usage_ingest::telemetry
