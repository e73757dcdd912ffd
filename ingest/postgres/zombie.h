#pragma once
// ZombieWatch: ends a session of our own that holds a lock we need and will never let go.
//
// A daemon that is stopped (SIGSTOP, a paused machine) inside COPY keeps its locks and its kernel
// still answers, so no time-out of PostgreSQL 15 ends it (tried:
// idle_in_transaction_session_timeout covers only a stop between statements). It holds offsets
// rows, and the ids of its rows, which a replay beside the daemon may want too. While a lane that
// was blocked for long tries again, a second session asks pg_blocking_pids who is in its way and
// ends that one, if it is ours (same role, same application name) and does not speak.
//
// Owner         the lane that waits; lives until its coroutine ends.
// Errors        none: when it cannot end anybody the lane's wait fails and is tried again.
// Source        PostgreSQL 15 manual, 9.27.2: a role may terminate sessions of the same role.
#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "ingest/pipeline/task.h"

namespace usage_ingest::ingest {

class ZombieWatch : public std::enable_shared_from_this<ZombieWatch> {
 public:
  // Watches who blocks the session `waiting_pid` until Stop() or for some seconds.
  static std::shared_ptr<ZombieWatch> Start(boost::asio::any_io_executor executor,
                                            std::string conninfo, int waiting_pid);
  void Stop() noexcept { stopped_ = true; }

 private:
  Task<> Run(boost::asio::any_io_executor executor, std::string conninfo, int waiting_pid);
  bool stopped_ = false;
};

}  // namespace usage_ingest::ingest
