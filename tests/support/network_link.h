#pragma once
// NetworkLink: a cable between the test's machine and one of its own for the daemon, to be cut.
//
// A cut TCP proxy says goodbye; a cut cable does not. So the daemon gets a network namespace of its
// own, and the test (with its servers) another, joined by a veth pair. Both vanish with the
// processes that are in them, however the test ends.
//
// Owner         the test. IsolateNetwork() comes before anything that listens.
// Limit         needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN).
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace usage_ingest::support {

// Moves the calling thread, and all that it starts, into a network namespace with only a loopback.
void IsolateNetwork();

class NetworkLink {
 public:
  // REQUIRES: IsolateNetwork() was called.
  NetworkLink();

  // Put before a command that runs on the far side.
  [[nodiscard]] std::vector<std::string> far_prefix() const;
  // Silently: what is sent is lost, and nobody is told.
  void Cut() const;
  void Heal() const;

  static constexpr char kNearAddress[] = "10.77.0.1";
  static constexpr char kFarAddress[] = "10.77.0.2";

 private:
  std::unique_ptr<ChildProcess> holder_;  // keeps the far namespace alive
};

}  // namespace usage_ingest::support
