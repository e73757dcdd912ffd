#pragma once
// Interruption: the signal that ends what the blocking sessions of this process wait for.
//
// A command waits for PostgreSQL in many places: a host that does not answer, a lock, a long query.
// A signal must end each of them at once, so all sessions obey the one stop token of the process.
// The server is told to cancel: it would otherwise finish the statement, and commit it.
//
// A session that is opened after the signal is for cleaning up: each wait has kCleanUpMax.
//
// Thread-safety SetInterruption before the first session; the rest from any thread.
#include <chrono>
#include <stop_token>
#include <utility>

namespace usage_ingest::postgres::blocking {

inline constexpr auto kCleanUpMax = std::chrono::seconds(1);

[[nodiscard]] inline std::stop_token& InterruptionToken() {
  static std::stop_token token;
  return token;
}

// Without it nothing is interrupted.
inline void SetInterruption(std::stop_token stop) { InterruptionToken() = std::move(stop); }
[[nodiscard]] inline bool IsInterrupted() { return InterruptionToken().stop_requested(); }

}  // namespace usage_ingest::postgres::blocking
