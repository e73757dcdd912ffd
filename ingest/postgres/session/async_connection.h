#pragma once
// AsyncConnection: one session of PostgreSQL, driven by the lane's executor.
//
// libpq without its blocking calls: each operation is a coroutine that waits for the socket, so the
// lane decodes while the server works. A session is set up by session_setup.h. After a connection
// error it cannot be used again: Connect() makes a new one.
//
// Owner         one lane; its executor's thread only.
// Limit         when no answer comes within the reply time-out, the connection counts as broken: a
//               stopped server or a stalled proxy keeps TCP alive, so tcp_user_timeout cannot see
//               it.
// Errors        as sqlstate.h classifies them. The caller decides what is kIndeterminate.
// Source        PostgreSQL 15 manual, 34.4 "Asynchronous Command Processing", 34.5 "Pipeline Mode",
//               34.10 "Functions Associated with the COPY Command".
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "ingest/pipeline/task.h"
#include "ingest/postgres/session/pg_handles.h"
#include "ingest/postgres/session/query_params.h"
#include "ingest/postgres/session/session_setup.h"
#include "ingest/postgres/session/sqlstate.h"

namespace usage_ingest::postgres::session {

struct Statement {
  const char* sql;
  QueryParams params;
};

class AsyncConnection {
 public:
  using NextPiece = std::function<std::string_view()>;  // valid until the next call

  AsyncConnection(boost::asio::any_io_executor executor, std::string conninfo,
                  std::string application_name);
  ~AsyncConnection();
  AsyncConnection(const AsyncConnection&) = delete;
  AsyncConnection& operator=(const AsyncConnection&) = delete;

  pipeline::Task<Result<>> Connect();
  void Close() noexcept;
  [[nodiscard]] bool connected() const noexcept { return connection_ != nullptr; }
  [[nodiscard]] bool in_transaction() const noexcept;
  [[nodiscard]] int backend_pid() const noexcept;

  [[nodiscard]] MessageLanguage message_language() const noexcept { return message_language_; }

  // One statement; rows come in binary.
  pipeline::Task<Result<PgResult>> Execute(const Statement& statement,
                                           SqlStep step = SqlStep::kOther);
  // Several without waiting in between; the first error ends them and is returned.
  pipeline::Task<Result<std::vector<PgResult>>> Pipeline(std::span<const Statement> statements,
                                                         SqlStep step = SqlStep::kOther);
  // COPY ... FROM STDIN of the pieces that `next_piece` gives until one is empty; returns the rows
  // that the server counted.
  pipeline::Task<Result<std::int64_t>> CopyIn(const char* sql, const NextPiece& next_piece);
  // Text without parameters; several statements are allowed.
  pipeline::Task<Result<>> ExecuteScript(const char* sql, SqlStep step = SqlStep::kOther);
  // Waits for notifications until `deadline`; returns their payloads, in order.
  pipeline::Task<Result<std::vector<std::string>>> WaitForNotifications(
      std::chrono::steady_clock::time_point deadline);

 private:
  enum class Direction { kRead, kWrite };
  Result<> Start(const ConnectKeywords& keywords);
  pipeline::Task<Result<>> Poll(std::chrono::seconds timeout);
  pipeline::Task<Result<>> WaitSocket(Direction direction);
  pipeline::Task<Result<>> Flush();
  pipeline::Task<Result<PgResult>> NextResult();
  pipeline::Task<Result<PgResult>> LastResult(SqlStep step);
  pipeline::Task<Result<PgResult>> RunScript(const char* sql, SqlStep step = SqlStep::kOther);
  [[nodiscard]] Error ErrorOfAnswer(const PGresult* result, SqlStep step) const;
  pipeline::Task<Result<>> SendCopy(const NextPiece& next_piece);
  [[nodiscard]] std::unexpected<Error> Broken(std::string_view doing);
  [[nodiscard]] std::unexpected<Error> Silent();
  void AttachSocket();
  void ArmWatchdog(std::chrono::steady_clock::time_point deadline);
  void DisarmWatchdog();

  boost::asio::any_io_executor executor_;
  std::string conninfo_;
  std::string application_name_;
  PgConn connection_;
  boost::asio::posix::stream_descriptor socket_;
  MessageLanguage message_language_ = MessageLanguage::kUnknown;
  std::chrono::steady_clock::time_point sent_at_;  // the statement that is answered next
  bool has_pipelined_ = false;                     // this session has answered a pipeline
  // A timer's handler may be queued already when the timer is cancelled; by the turn it sees that
  // it is late.
  boost::asio::steady_timer watchdog_;
  std::uint64_t watchdog_turn_ = 0;
  bool watchdog_fired_ = false;
};

}  // namespace usage_ingest::postgres::session
