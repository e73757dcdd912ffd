#include "ingest/postgres/blocking/lock_patience.h"

#include <fmt/format.h>

#include <random>
#include <thread>

namespace usage_ingest::postgres::blocking {
namespace {

using Clock = std::chrono::steady_clock;

// Long enough for the holder to go on, and not the same for two who wait.
std::chrono::milliseconds Pause() {
  static thread_local std::minstd_rand random(std::random_device{}());
  return std::chrono::milliseconds(std::uniform_int_distribution<int>(40, 160)(random));
}

}  // namespace

Result<> WithPatience(std::string_view what, std::chrono::seconds patience,
                      const std::function<Result<>()>& attempt) {
  const auto deadline = Clock::now() + patience;
  while (true) {
    Result<> done = attempt();
    if (done || done.error().code != ErrorCode::kConflict) return done;
    if (Clock::now() >= deadline) {
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("{}: a lock was not free for {} s ({}). Who may hold it: SELECT pid, "
                              "usename, xact_start, query FROM pg_stat_activity WHERE xact_start < "
                              "now() - interval '1 minute'",
                              what, patience.count(), done.error().context));
    }
    std::this_thread::sleep_for(Pause());
  }
}

}  // namespace usage_ingest::postgres::blocking
