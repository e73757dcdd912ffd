#include "daemon/heartbeat.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "daemon/systemd_notify.h"

namespace usage_ingest::daemon {
namespace {

// `systemctl status` should not be older than this.
constexpr std::chrono::microseconds kStatusPeriod = std::chrono::seconds(5);

// sd_watchdog_enabled(3) recommends half of the period; a third leaves room for one late turn.
std::chrono::microseconds BeatPeriod() {
  const auto watchdog = SystemdNotify::WatchdogPeriod();
  return watchdog ? std::min(kStatusPeriod, *watchdog / 3) : kStatusPeriod;
}

}  // namespace

struct Heartbeat::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& io, Sources given)
      : timer(io), sources(std::move(given)), period(BeatPeriod()) {}

  void Beat();

  boost::asio::steady_timer timer;
  Sources sources;
  std::chrono::microseconds period;
  bool stopped = false;
};

void Heartbeat::Impl::Beat() {
  if (stopped) return;
  if (sources.alive()) {
    SystemdNotify::Watchdog();
  } else {
    spdlog::warn("nothing moves in the pipeline: the watchdog is not fed");
  }
  SystemdNotify::Status(sources.status_line());
  timer.expires_after(period);
  timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->Beat();
  });
}

Heartbeat::Heartbeat(boost::asio::io_context& io, Sources sources)
    : impl_(std::make_shared<Impl>(io, std::move(sources))) {}

Heartbeat::~Heartbeat() { Stop(); }

void Heartbeat::Start() { impl_->Beat(); }

void Heartbeat::Stop() {
  impl_->stopped = true;
  impl_->timer.cancel();
}

}  // namespace usage_ingest::daemon
