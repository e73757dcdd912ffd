#include "tests/support/wait.h"

#include <poll.h>

namespace usage_ingest::support {

bool WaitUntil(Deadline deadline, const std::function<bool()>& predicate) {
  constexpr int kPollIntervalMs = 20;
  while (!predicate()) {
    if (std::chrono::steady_clock::now() >= deadline) return predicate();
    // ignored because an interrupted wait only asks earlier
    static_cast<void>(::poll(nullptr, 0, kPollIntervalMs));
  }
  return true;
}

bool HoldsFor(std::chrono::milliseconds duration, const std::function<bool()>& predicate) {
  return !WaitUntil(After(duration), [&] { return !predicate(); });
}

}  // namespace usage_ingest::support
