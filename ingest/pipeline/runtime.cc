#include "ingest/pipeline/runtime.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace usage_ingest::pipeline {

TimePoint SystemClock::Now() const { return std::chrono::steady_clock::now(); }

EventTimeUs SystemClock::WallNow() const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return EventTimeUs{std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
}

void SystemClock::Arm(boost::asio::steady_timer& timer, TimePoint deadline) {
  timer.expires_at(deadline);
}

void SystemClock::Disarm(boost::asio::steady_timer&) {}

Wakeup::Wakeup(const Runtime& runtime) : clock_(runtime.clock), timer_(runtime.executor) {}

void Wakeup::Notify() {
  notified_ = true;
  timer_.cancel();
}

Task<> Wakeup::WaitUntil(TimePoint deadline) {
  if (!notified_ && clock_.Now() < deadline) {
    clock_.Arm(timer_, deadline);
    boost::system::error_code cancelled;  // ignored because both endings mean: look again
    co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
    clock_.Disarm(timer_);
  }
  notified_ = false;
}

Task<> Yield(const Runtime& runtime) {
  co_await boost::asio::post(runtime.executor, boost::asio::use_awaitable);
}

}  // namespace usage_ingest::pipeline
