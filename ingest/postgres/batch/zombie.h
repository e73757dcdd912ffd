#pragma once
// ZombieWatch: ends a session of our own that holds a lock we need and will never let go.
//
// A daemon that is stopped (SIGSTOP, a paused machine) inside COPY keeps its locks and its kernel
// still answers, so no time-out of PostgreSQL 15 ends it (tried:
// idle_in_transaction_session_timeout covers only a stop between statements). It holds offsets
// rows, and the ids of its rows, which a replay beside the daemon may want too. While a lane that
// was blocked for long tries again, a second session asks pg_blocking_pids who is in its way and
// ends that one, if it is ours (same role, same application name) and silent: the server waits for
// its next word, and neither a statement nor a byte of its COPY came for kZombieSilentMax. Who is
// merely slower than us is let alone, so two of us cannot end each other in turn.
//
// Owner         the lane that waits; lives until its coroutine ends.
// Errors        none: when it cannot end anybody the lane's wait fails and is tried again.
// Source        PostgreSQL 15 manual, 9.27.2: a role may terminate sessions of the same role.
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "ingest/pipeline/task.h"
#include "schema/error.h"

namespace usage_ingest::postgres::session {
class AsyncConnection;
}

namespace usage_ingest::postgres::batch {

class ZombieWatch : public std::enable_shared_from_this<ZombieWatch> {
 public:
  // The last that was heard of a session, and since when it is the last.
  struct Sign {
    std::int64_t copied_bytes = 0;
    std::int64_t spoke_at_us = 0;
    std::chrono::steady_clock::time_point since;
  };
  // By process id; outlives a watch, since a try may wait for less than a zombie takes to be known.
  using Signs = std::map<std::int64_t, Sign>;

  struct Options {
    std::string conninfo;
    int waiting_pid = 0;
    std::shared_ptr<Signs> signs;
  };
  // Watches who blocks the session `waiting_pid` until Stop() or for some seconds.
  static std::shared_ptr<ZombieWatch> Start(boost::asio::any_io_executor executor, Options options);
  void Stop() noexcept { stopped_ = true; }

 private:
  pipeline::Task<> Run(boost::asio::any_io_executor executor, Options options);
  pipeline::Task<Result<>> Look(session::AsyncConnection& connection, const Options& options);
  bool stopped_ = false;
};

}  // namespace usage_ingest::postgres::batch
