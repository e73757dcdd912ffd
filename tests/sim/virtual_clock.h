#pragma once
// VirtualClock: time that moves when the simulation says so.
//
// Every process of a simulation has one; they share the time but not the timers, so a process that
// is stopped keeps its timers unfired, as a real one does.
//
// Owner         one simulated process. Single-threaded.
#include <optional>
#include <utility>
#include <vector>

#include "ingest/pipeline/runtime.h"

namespace usage_ingest::sim {

using pipeline::TimePoint;

class VirtualClock final : public pipeline::Clock {
 public:
  // 2026-03-31 23:59:50 UTC: soon a new hour, day and month begin.
  static constexpr EventTimeUs kWallStart{1'775'001'590'000'000};

  explicit VirtualClock(const TimePoint& now) : now_(now) {}

  [[nodiscard]] TimePoint Now() const override { return now_; }
  [[nodiscard]] EventTimeUs WallNow() const override;
  void Arm(boost::asio::steady_timer& timer, TimePoint deadline) override;
  void Disarm(boost::asio::steady_timer& timer) override;

  [[nodiscard]] std::optional<TimePoint> NextDeadline() const;
  // Ends the waits whose deadline has come.
  void FireDue();
  // Ends all waits: the process is being taken down.
  void FireAll();

 private:
  const TimePoint& now_;
  std::vector<std::pair<boost::asio::steady_timer*, TimePoint>> armed_;
};

}  // namespace usage_ingest::sim
