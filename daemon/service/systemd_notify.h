#pragma once
// SystemdNotify: tells the service manager what the daemon is up to.
//
// Outside systemd every call does nothing. READY is sent once the daemon serves, also while it
// waits for a broker or a database: a dependency that is away must not make systemd restart us for
// ever.
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
