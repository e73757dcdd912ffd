#pragma once
// StalledSessionWatch: ends a session of the daemon that holds a lock and whose process has
// stopped.
//
// A daemon that is stopped (SIGSTOP, a paused machine) inside COPY keeps its locks, and its kernel
// still answers, so no time-out of PostgreSQL 15 ends it (tried:
// idle_in_transaction_session_timeout covers only a stop between statements). It holds offsets
// rows, perhaps the turn of the sums, and the ids of its rows, which a replay beside the daemon may
// need too. While a lane is blocked for long, a second session asks pg_blocking_pids which session
// blocks it, and ends that session when it is one of the daemon's (same role, same application
// name) and stalled: the server waits for its client, and neither a statement nor a byte of its
// COPY came for kStalledSilentMax. A session that is only slow is left alone, so two daemons cannot
// end each other's sessions in turn.
//
// Owner         the lane that waits; lives until its coroutine ends.
// Limit         one of a process has a session at a time (docs/operations.md counts them); the next
//               one begins when it has ended.
// Errors        none: when it cannot end the session, the lane's wait fails and is tried again.
// Source        PostgreSQL 15 manual, 9.27.2: a role may terminate sessions of the same role.
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "ingest/pipeline/task.h"
#include "schema/error.h"

namespace usage_ingest::postgres::session {
class AsyncConnection;
}

namespace usage_ingest::postgres::batch {

class StalledSessionWatch {
 public:
  // How far a session had come, and since when it has not come further.
  struct Activity {
    std::int64_t copied_bytes = 0;
    std::int64_t state_changed_us = 0;
    std::chrono::steady_clock::time_point since;
  };
  // By process id. It outlives a watch: one attempt may wait for less than kStalledSilentMax.
  using Activities = std::map<std::int64_t, Activity>;

  struct Options {
    std::string conninfo;
    int waiting_pid = 0;
    std::shared_ptr<Activities> activities;
    std::chrono::milliseconds start_after{0};  // a wait that ends before costs no session
  };
  // Watches the sessions that block `waiting_pid`, until Stop() or for some seconds.
  static std::shared_ptr<StalledSessionWatch> Start(const boost::asio::any_io_executor& executor,
                                                    Options options);
  void Stop();
  // Also when it could not connect: nothing watches any more.
  [[nodiscard]] bool has_ended() const { return has_ended_; }
  explicit StalledSessionWatch(const boost::asio::any_io_executor& executor) : timer_(executor) {}

 private:
  pipeline::Task<> Watch(Options options);
  // False: stopped.
  pipeline::Task<bool> Wait(std::chrono::milliseconds duration);
  pipeline::Task<Result<>> Look(session::AsyncConnection& connection, const Options& options);

  boost::asio::steady_timer timer_;
  bool stopped_ = false;
  bool has_ended_ = false;
  std::optional<std::chrono::steady_clock::time_point> last_look_;
};

}  // namespace usage_ingest::postgres::batch
