#pragma once
// WaitUntil, HoldsFor: the only places where a test lets time pass, and always for a reason.
//
// What is waited for is stated as a predicate and ends the wait at once; the deadline only bounds a
// failure. Or nothing must happen for a while, and what that means is stated. There are no blind
// sleeps in tests.
#include <chrono>
#include <functional>

namespace usage_ingest::support {

using Deadline = std::chrono::steady_clock::time_point;

[[nodiscard]] inline Deadline After(std::chrono::milliseconds duration) {
  return std::chrono::steady_clock::now() + duration;
}

// Asks `predicate` every few milliseconds; false when it never held before the deadline.
[[nodiscard]] bool WaitUntil(Deadline deadline, const std::function<bool()>& predicate);

// Asks `predicate` every few milliseconds for as long as `duration`; false once it does not hold.
[[nodiscard]] bool HoldsFor(std::chrono::milliseconds duration,
                            const std::function<bool()>& predicate);

}  // namespace usage_ingest::support
