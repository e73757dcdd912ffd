#include "daemon/service/systemd_notify.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <ctime>

namespace usage_ingest::service {
namespace {

void Notify(const std::string& state) {
  // ignored because the daemon works without a service manager
  static_cast<void>(sd_notify(0, state.c_str()));
}

}  // namespace

void SystemdNotify::Ready() { Notify("READY=1"); }

void SystemdNotify::Stopping() { Notify("STOPPING=1"); }

void SystemdNotify::Reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const auto micros = std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  Notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", micros));
}

void SystemdNotify::Status(const std::string& line) {
  std::string text = "STATUS=" + line;
  std::ranges::replace(text, '\n', ' ');  // a new line would begin another assignment
  Notify(text);
}

void SystemdNotify::Watchdog() { Notify("WATCHDOG=1"); }

std::optional<std::chrono::microseconds> SystemdNotify::WatchdogPeriod() {
  std::uint64_t micros = 0;
  if (sd_watchdog_enabled(0, &micros) <= 0) return std::nullopt;
  return std::chrono::microseconds(static_cast<std::int64_t>(micros));
}

}  // namespace usage_ingest::service
