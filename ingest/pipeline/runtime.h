#pragma once
// Runtime: the lane's executor and clock; Wakeup: one coroutine waits, another (or time) wakes it.
//
// All waiting in the pipeline goes through here, so the simulation can replace time: it gives a
// Clock that arms no real timer and advances when nothing else can run.
//
// Owner         a lane (or the coordinator); its thread only, Post() excepted.
// Source        Boost.Asio: a timer that is cancelled completes its waits at once.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "ingest/pipeline/task.h"
#include "schema/strong.h"

namespace usage_ingest::pipeline {

using TimePoint = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual TimePoint Now() const = 0;
  [[nodiscard]] virtual EventTimeUs WallNow() const = 0;
  // Makes `timer` expire at `deadline`; the simulation notes it instead.
  virtual void Arm(boost::asio::steady_timer& timer, TimePoint deadline) = 0;
  // `timer` is not waited for any more.
  virtual void Disarm(boost::asio::steady_timer& timer) = 0;
};

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] TimePoint Now() const override;
  [[nodiscard]] EventTimeUs WallNow() const override;
  void Arm(boost::asio::steady_timer& timer, TimePoint deadline) override;
  void Disarm(boost::asio::steady_timer& timer) override;
};

struct Runtime {
  boost::asio::any_io_executor executor;
  Clock& clock;
};

class Wakeup {
 public:
  explicit Wakeup(const Runtime& runtime);
  // Ends the wait that is going on, or the next one when there is none.
  void Notify();
  // Returns at Notify() or at `deadline`, whichever comes first.
  Task<> WaitUntil(TimePoint deadline);

 private:
  Clock& clock_;
  boost::asio::steady_timer timer_;
  bool notified_ = false;
};

// Lets everything else that is ready on this executor run first.
Task<> Yield(const Runtime& runtime);

}  // namespace usage_ingest::pipeline
