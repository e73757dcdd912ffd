#pragma once
// FarSide and NetworkLink: another machine for the daemon, and cables to it that can be cut.
//
// A cut TCP proxy says goodbye; a cut cable does not. So the daemon gets a network namespace of its
// own, and the test (with its servers) another, joined by veth pairs. All vanish with the processes
// that are in them, however the test ends.
//
// Owner         the test. IsolateNetwork() comes before anything that listens.
// Limit         needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN).
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace usage_ingest::support {

// Moves the calling thread, and all that it starts, into a network namespace with only a loopback.
void IsolateNetwork();

class FarSide {
 public:
  // REQUIRES: IsolateNetwork() was called.
  FarSide();
  // Put before a command that runs there.
  [[nodiscard]] std::vector<std::string> prefix() const;
  [[nodiscard]] pid_t pid() const { return holder_->pid(); }
  // The answer to an HTTP GET that is asked there: it works while all cables are cut.
  [[nodiscard]] std::string Get(std::uint16_t port, const std::string& path) const;

 private:
  std::unique_ptr<ChildProcess> holder_;  // keeps the namespace alive
};

class NetworkLink {
 public:
  // `number` tells cables to the same side apart. The far side outlives the link.
  NetworkLink(const FarSide& side, int number);

  // Silently: what is sent is lost, and neither side gets an error.
  void Cut() const;
  void Heal() const;
  // What goes to the far side: at most so much, for as long as the link is there.
  void Throttle(int kbytes_per_second) const;

  // Addresses that are reached over this cable only.
  [[nodiscard]] const std::string& near_address() const noexcept { return near_; }
  [[nodiscard]] const std::string& far_address() const noexcept { return far_; }

 private:
  std::string name_;
  std::string near_;
  std::string far_;
};

}  // namespace usage_ingest::support
