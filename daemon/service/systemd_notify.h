#pragma once
// SystemdNotify: tells the service manager the state of the daemon.
//
// Outside systemd every call does nothing. READY is sent when the HTTP port is served, also while
// the daemon waits for a broker or a database: systemd must not restart it again and again because
// a dependency is away.
//
// Owner         main's thread.
// Source        sd_notify(3), sd_watchdog_enabled(3), systemd.service(5) "Type=notify".
#include <chrono>
#include <optional>
#include <string>

namespace usage_ingest::service {

class SystemdNotify {
 public:
  static void Ready();
  static void Stopping();
  // Followed by Ready() when the new configuration is in force.
  static void Reloading();
  static void Status(const std::string& line);
  static void Watchdog();
  // WatchdogSec of the unit, if it has one and it is meant for this process.
  [[nodiscard]] static std::optional<std::chrono::microseconds> WatchdogPeriod();
};

}  // namespace usage_ingest::service
