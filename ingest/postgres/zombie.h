#pragma once
// ZombieWatch: ends a session of our own that holds the offsets row and will never let go.
//
// A daemon that is stopped (SIGSTOP, a paused machine) inside COPY keeps its locks and its kernel
// still answers, so no time-out of PostgreSQL 15 ends it (tried:
// idle_in_transaction_session_timeout covers only a stop between statements). While the lane waits
// for the lock, a second session asks pg_blocking_pids who holds it and ends that one, if it is
// ours: same role, same application name.
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
  // Watches who blocks the session `waiting_pid` until Stop() or for a few seconds.
  static std::shared_ptr<ZombieWatch> Start(boost::asio::any_io_executor executor,
                                            std::string conninfo, int waiting_pid);
  void Stop() noexcept { stopped_ = true; }

 private:
  Task<> Run(boost::asio::any_io_executor executor, std::string conninfo, int waiting_pid);
  bool stopped_ = false;
};

}  // namespace usage_ingest::ingest
