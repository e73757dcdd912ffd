#include "ingest/postgres/blocking/retry_while_locked.h"

#include <fmt/format.h>

#include <random>
#include <thread>

namespace usage_ingest::postgres::blocking {
namespace {

using Clock = std::chrono::steady_clock;

// Long enough for the holder to finish, and not the same for two that wait.
std::chrono::milliseconds Pause() {
  static thread_local std::minstd_rand random(std::random_device{}());
  return std::chrono::milliseconds(std::uniform_int_distribution<int>(40, 160)(random));
}

}  // namespace

Result<> RetryWhileLocked(std::string_view what, std::chrono::seconds wait_max,
                          const std::function<Result<>()>& attempt) {
  const auto deadline = Clock::now() + wait_max;
  while (true) {
    Result<> done = attempt();
    if (done || done.error().code != ErrorCode::kConflict) return done;
    if (Clock::now() >= deadline) {
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("{}: a lock was not free for {} s ({}). Find its holder: SELECT pid, "
                              "usename, xact_start, query FROM pg_stat_activity WHERE xact_start < "
                              "now() - interval '1 minute'",
                              what, wait_max.count(), done.error().context));
    }
    std::this_thread::sleep_for(Pause());
  }
}

}  // namespace usage_ingest::postgres::blocking
