#include "tests/sim/virtual_clock.h"

#include <algorithm>

namespace usage_ingest::sim {

EventTimeUs VirtualClock::WallNow() const {
  using std::chrono::microseconds;
  const auto passed = std::chrono::duration_cast<microseconds>(now_.time_since_epoch());
  return EventTimeUs{kWallStart.value + passed.count()};
}

void VirtualClock::Arm(boost::asio::steady_timer& timer, TimePoint deadline) {
  timer.expires_at(TimePoint::max());
  armed_.emplace_back(&timer, deadline);
}

void VirtualClock::Disarm(boost::asio::steady_timer& timer) {
  std::erase_if(armed_, [&](const auto& armed) { return armed.first == &timer; });
}

std::optional<TimePoint> VirtualClock::NextDeadline() const {
  if (armed_.empty()) return std::nullopt;
  return std::ranges::min_element(armed_, {}, [](const auto& armed) { return armed.second; })
      ->second;
}

void VirtualClock::FireDue() {
  std::erase_if(armed_, [&](const auto& armed) {
    if (armed.second > now_) return false;
    armed.first->cancel();
    return true;
  });
}

void VirtualClock::FireAll() {
  for (const auto& [timer, deadline] : armed_) timer->cancel();
  armed_.clear();
}

}  // namespace usage_ingest::sim
