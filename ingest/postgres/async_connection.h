#pragma once
// AsyncConnection: one session of PostgreSQL, driven by the lane's executor.
//
// libpq without its blocking calls: each operation is a coroutine that waits for the socket, so the
// lane decodes while the server works. A session is set up the same way everywhere (time zone,
// time-outs, search_path) and is dead for good after a connection error: Connect() makes a new one.
//
// Owner         one lane; its executor's thread only.
// Limit         an answer that does not come within the reply time-out is a dead connection: a
//               stopped server or a stalled proxy keeps TCP alive, so tcp_user_timeout cannot see
//               it.
// Errors        as ingest/postgres/sqlstate.h classifies them; kIndeterminate is the caller's word.
// Source        PostgreSQL 15 manual, 34.4 "Asynchronous Command Processing", 34.5 "Pipeline Mode",
//               34.10 "Functions Associated with the COPY Command".
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ingest/pipeline/task.h"
#include "ingest/postgres/copy_encoder.h"
#include "ingest/postgres/pg_handles.h"
#include "ingest/postgres/query_params.h"
#include "ingest/postgres/sqlstate.h"

namespace usage_ingest::ingest {

struct Statement {
  const char* sql;
  QueryParams params;
};

class AsyncConnection {
 public:
  AsyncConnection(boost::asio::any_io_executor executor, std::string conninfo,
                  std::string application_name);
  ~AsyncConnection();
  AsyncConnection(const AsyncConnection&) = delete;
  AsyncConnection& operator=(const AsyncConnection&) = delete;

  Task<Result<>> Connect();
  void Close() noexcept;
  [[nodiscard]] bool connected() const noexcept { return connection_ != nullptr; }
  [[nodiscard]] bool in_transaction() const noexcept;
  [[nodiscard]] int backend_pid() const noexcept;

  // One statement; rows come in binary.
  Task<Result<PgResult>> Execute(const Statement& statement, SqlStep step = SqlStep::kOther);
  // Several without waiting in between; the first error ends them and is returned.
  Task<Result<std::vector<PgResult>>> Pipeline(std::span<const Statement> statements);
  // COPY ... FROM STDIN; returns the rows that the server counted.
  Task<Result<std::int64_t>> CopyIn(const char* sql, CopyEncoder& encoder);
  // Text without parameters, several statements allowed; for session set-up.
  Task<Result<>> ExecuteScript(const char* sql);
  // Waits for notifications until `deadline`; the channels' names that came, in order.
  Task<Result<std::vector<std::string>>> WaitForNotifications(
      std::chrono::steady_clock::time_point deadline);

 private:
  enum class Direction { kRead, kWrite };
  Task<Result<>> Poll();
  Task<Result<>> WaitSocket(Direction direction);
  Task<Result<>> Flush();
  Task<Result<PgResult>> NextResult();
  Task<Result<PgResult>> LastResult(SqlStep step);
  Task<Result<>> SetUpSession();
  Task<Result<>> SendCopy(CopyEncoder& encoder);
  [[nodiscard]] std::unexpected<Error> Broken(std::string_view doing);
  void AttachSocket();
  void ArmWatchdog(std::chrono::steady_clock::time_point deadline);
  void DisarmWatchdog();

  boost::asio::any_io_executor executor_;
  std::string conninfo_;
  std::string application_name_;
  PgConn connection_;
  boost::asio::posix::stream_descriptor socket_;
  // A timer's handler may be queued already when the timer is cancelled; the turn tells that it is
  // late.
  boost::asio::steady_timer watchdog_;
  std::uint64_t watchdog_turn_ = 0;
  bool watchdog_fired_ = false;
};

}  // namespace usage_ingest::ingest
