#pragma once
// WaitUntil: the only place where a test lets time pass, and always for a reason.
//
// What is waited for is stated as a predicate and ends the wait at once; the deadline only bounds a
// failure. There are no blind sleeps in tests.
#include <chrono>
#include <functional>

namespace usage_ingest::support {

using Deadline = std::chrono::steady_clock::time_point;

[[nodiscard]] inline Deadline After(std::chrono::milliseconds duration) {
  return std::chrono::steady_clock::now() + duration;
}

// Asks `predicate` every few milliseconds; false when it never held before the deadline.
[[nodiscard]] bool WaitUntil(Deadline deadline, const std::function<bool()>& predicate);

}  // namespace usage_ingest::support
