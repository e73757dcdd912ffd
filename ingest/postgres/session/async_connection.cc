#include "ingest/postgres/session/async_connection.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <utility>

#include "ingest/postgres/session/connect_plan.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::session {
namespace {

using std::chrono::milliseconds;

// Longer than the server's own statement_timeout, so that normally the server answers first.
constexpr auto kReplyTimeout =
    std::chrono::duration_cast<milliseconds>(limits::kStatementTimeout + limits::kReplyMargin);

// A statement that ran for less was not ended by statement_timeout.
constexpr auto kTimedOutAfter = limits::kStatementTimeout * 9 / 10;

// Notices are for users of psql. They would only repeat what the results say.
void IgnoreNotice(void*, const PGresult*) {}

}  // namespace

AsyncConnection::AsyncConnection(boost::asio::any_io_executor executor, std::string conninfo,
                                 std::string application_name)
    : executor_(std::move(executor)),
      conninfo_(std::move(conninfo)),
      application_name_(std::move(application_name)),
      socket_(executor_),
      watchdog_(executor_) {}

AsyncConnection::~AsyncConnection() { Close(); }

void AsyncConnection::Close() noexcept {
  DisarmWatchdog();
  // The descriptor belongs to libpq: asio must forget it, not close it.
  if (socket_.is_open()) socket_.release();
  connection_.reset();
}

bool AsyncConnection::in_transaction() const noexcept {
  return connection_ != nullptr && PQtransactionStatus(connection_.get()) != PQTRANS_IDLE;
}

int AsyncConnection::backend_pid() const noexcept {
  return connection_ == nullptr ? 0 : PQbackendPID(connection_.get());
}

std::unexpected<Error> AsyncConnection::Broken(std::string_view doing) {
  Error error = ConnectionError(connection_.get(), doing);
  Close();
  return std::unexpected(std::move(error));
}

// There are proxies that answer single statements and no pipeline.
std::unexpected<Error> AsyncConnection::Silent() {
  const bool is_in_pipeline = PQpipelineStatus(connection_.get()) != PQ_PIPELINE_OFF;
  Close();
  if (is_in_pipeline && !has_pipelined_) {
    return Fail(ErrorCode::kUnavailable,
                "PostgreSQL did not answer the first pipeline of the session; if a pooler without "
                "pipelines (Pgpool-II) is in between, connect to PostgreSQL itself, or to "
                "PgBouncer with pool_mode = session");
  }
  return Fail(ErrorCode::kUnavailable,
              "PostgreSQL did not answer in time; the connection was closed");
}

void AsyncConnection::AttachSocket() {
  const int socket = PQsocket(connection_.get());
  if (socket_.is_open() && socket_.native_handle() == socket) return;
  if (socket_.is_open()) socket_.release();
  socket_.assign(socket);
}

void AsyncConnection::ArmWatchdog(std::chrono::steady_clock::time_point deadline) {
  watchdog_fired_ = false;
  watchdog_.expires_at(deadline);
  watchdog_.async_wait([this, turn = ++watchdog_turn_](const boost::system::error_code& cancelled) {
    if (cancelled || turn != watchdog_turn_) return;
    watchdog_fired_ = true;
    if (socket_.is_open()) socket_.cancel();
  });
}

void AsyncConnection::DisarmWatchdog() {
  ++watchdog_turn_;
  watchdog_.cancel();
}

pipeline::Task<Result<>> AsyncConnection::WaitSocket(Direction direction) {
  const auto what = direction == Direction::kRead
                        ? boost::asio::posix::stream_descriptor::wait_read
                        : boost::asio::posix::stream_descriptor::wait_write;
  boost::system::error_code error;
  ArmWatchdog(std::chrono::steady_clock::now() + kReplyTimeout);
  co_await socket_.async_wait(what, boost::asio::redirect_error(boost::asio::use_awaitable, error));
  DisarmWatchdog();
  if (error) co_return Silent();
  co_return Result<>{};
}

pipeline::Task<Result<>> AsyncConnection::Connect() {
  const Result<> started = Start(ConnectKeywords(conninfo_, application_name_));
  if (!started) co_return started;
  const ConnectPlan plan = PlanOf(connection_.get());
  Result<> polled;
  for (const Server& server : plan.servers) {
    if (plan.servers.size() > 1) {
      polled = Start(ConnectKeywords(conninfo_, application_name_, server));
      if (!polled) continue;
    }
    polled = co_await Poll(plan.timeout);
    if (polled) break;
  }
  if (!polled) co_return polled;
  AttachSocket();
  if (PQsetnonblocking(connection_.get(), 1) != 0) co_return Broken("cannot connect");
  const std::string set_up = SessionSetUp(SessionUse::kLane);
  const Result<PgResult> answer = co_await RunScript(set_up.c_str());
  if (!answer) co_return std::unexpected(answer.error());
  message_language_ = LanguageOf(PQgetvalue(answer->get(), 0, 0));
  co_return Result<>{};
}

Result<> AsyncConnection::Start(const ConnectKeywords& keywords) {
  Close();
  has_pipelined_ = false;
  connection_.reset(
      PQconnectStartParams(keywords.keywords(), keywords.values(), /*expand_dbname=*/1));
  if (connection_ == nullptr) return Fail(ErrorCode::kUnavailable, "out of memory");
  PQsetNoticeReceiver(connection_.get(), IgnoreNotice, nullptr);
  if (PQstatus(connection_.get()) == CONNECTION_BAD) return Broken("cannot connect");
  return {};
}

// 34.1: before the first PQconnectPoll, behave as if it had said PGRES_POLLING_WRITING.
pipeline::Task<Result<>> AsyncConnection::Poll(std::chrono::seconds timeout) {
  ArmWatchdog(std::chrono::steady_clock::now() + timeout);
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (status != PGRES_POLLING_OK) {
    if (status == PGRES_POLLING_FAILED) co_return Broken("cannot connect");
    AttachSocket();  // a host with several addresses changes sockets under way
    const auto what = status == PGRES_POLLING_READING
                          ? boost::asio::posix::stream_descriptor::wait_read
                          : boost::asio::posix::stream_descriptor::wait_write;
    boost::system::error_code error;
    co_await socket_.async_wait(what,
                                boost::asio::redirect_error(boost::asio::use_awaitable, error));
    if (error) {
      Close();
      co_return Fail(ErrorCode::kUnavailable, "cannot connect: no answer in time");
    }
    // libpq closes its socket before it tries the next address: asio must have released it.
    socket_.release();
    status = PQconnectPoll(connection_.get());
  }
  DisarmWatchdog();
  co_return Result<>{};
}

pipeline::Task<Result<>> AsyncConnection::Flush() {
  for (;;) {
    const int left = PQflush(connection_.get());
    if (left < 0) co_return Broken("sending");
    if (left == 0) co_return Result<>{};
    const Result<> writable = co_await WaitSocket(Direction::kWrite);
    if (!writable) co_return writable;
    // The server may have to send something first (an error, a notice).
    if (PQconsumeInput(connection_.get()) == 0) co_return Broken("sending");
  }
}

// The next result, or nullptr where libpq has none.
pipeline::Task<Result<PgResult>> AsyncConnection::NextResult() {
  while (PQisBusy(connection_.get()) != 0) {
    const Result<> readable = co_await WaitSocket(Direction::kRead);
    if (!readable) co_return std::unexpected(readable.error());
    if (PQconsumeInput(connection_.get()) == 0) co_return Broken("reading");
  }
  co_return PgResult(PQgetResult(connection_.get()));
}

// 57014 is statement_timeout, and also the cancellation by a person, which says nothing about the
// statement.
Error AsyncConnection::ErrorOfAnswer(const PGresult* result, SqlStep step) const {
  Error error = ErrorOf(result, step, message_language_);
  const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const bool is_cancelled = sqlstate != nullptr && std::string_view(sqlstate) == "57014" &&
                            std::chrono::steady_clock::now() - sent_at_ < kTimedOutAfter;
  if (is_cancelled) error.code = ErrorCode::kUnavailable;
  return error;
}

// Reads to the end of the command; the first error, else the last result.
pipeline::Task<Result<PgResult>> AsyncConnection::LastResult(SqlStep step) {
  PgResult last;
  std::unique_ptr<Error> failed;
  for (;;) {
    Result<PgResult> next = co_await NextResult();
    if (!next) co_return std::unexpected(failed ? *failed : next.error());
    if (*next == nullptr) break;
    const ExecStatusType status = PQresultStatus(next->get());
    if (status == PGRES_FATAL_ERROR && !failed) {
      failed = std::make_unique<Error>(ErrorOfAnswer(next->get(), step));
    }
    last = std::move(*next);
    // The caller must answer these before the command ends.
    if (status == PGRES_COPY_IN || status == PGRES_PIPELINE_SYNC) break;
  }
  if (PQstatus(connection_.get()) == CONNECTION_BAD) {
    Error error = failed ? *failed : ConnectionError(connection_.get(), "reading");
    Close();
    co_return std::unexpected(std::move(error));
  }
  if (failed) co_return std::unexpected(*failed);
  co_return last;
}

pipeline::Task<Result<PgResult>> AsyncConnection::RunScript(const char* sql, SqlStep step) {
  sent_at_ = std::chrono::steady_clock::now();
  if (PQsendQuery(connection_.get(), sql) == 0) co_return Broken("sending");
  const Result<> flushed = co_await Flush();
  if (!flushed) co_return std::unexpected(flushed.error());
  co_return co_await LastResult(step);
}

pipeline::Task<Result<>> AsyncConnection::ExecuteScript(const char* sql, SqlStep step) {
  const Result<PgResult> last = co_await RunScript(sql, step);
  if (!last) co_return std::unexpected(last.error());
  co_return Result<>{};
}

pipeline::Task<Result<PgResult>> AsyncConnection::Execute(const Statement& statement,
                                                          SqlStep step) {
  const QueryParams& params = statement.params;
  sent_at_ = std::chrono::steady_clock::now();
  if (PQsendQueryParams(connection_.get(), statement.sql, params.count(), params.types(),
                        params.values(), params.lengths(), params.formats(),
                        /*resultFormat=*/1) == 0) {
    co_return Broken("sending");
  }
  const Result<> flushed = co_await Flush();
  if (!flushed) co_return std::unexpected(flushed.error());
  co_return co_await LastResult(step);
}

pipeline::Task<Result<std::vector<PgResult>>> AsyncConnection::Pipeline(
    std::span<const Statement> statements, SqlStep step) {
  sent_at_ = std::chrono::steady_clock::now();
  if (PQenterPipelineMode(connection_.get()) == 0) co_return Broken("pipeline");
  for (const Statement& statement : statements) {
    const QueryParams& params = statement.params;
    if (PQsendQueryParams(connection_.get(), statement.sql, params.count(), params.types(),
                          params.values(), params.lengths(), params.formats(), 1) == 0) {
      co_return Broken("sending");
    }
  }
  if (PQpipelineSync(connection_.get()) == 0) co_return Broken("pipeline");
  const Result<> flushed = co_await Flush();
  if (!flushed) co_return std::unexpected(flushed.error());

  std::vector<PgResult> results;
  std::unique_ptr<Error> failed;
  for (bool synced = false; !synced;) {
    // After an error the others come back as PGRES_PIPELINE_ABORTED (34.5.1.3).
    Result<PgResult> result = co_await LastResult(step);
    if (!result) {
      if (!connected()) co_return std::unexpected(failed ? *failed : result.error());
      if (!failed) failed = std::make_unique<Error>(result.error());
      continue;
    }
    synced = *result != nullptr && PQresultStatus(result->get()) == PGRES_PIPELINE_SYNC;
    if (!synced && *result != nullptr) results.push_back(std::move(*result));
  }
  if (PQexitPipelineMode(connection_.get()) == 0) co_return Broken("pipeline");
  has_pipelined_ = true;
  if (failed) co_return std::unexpected(*failed);
  co_return results;
}

pipeline::Task<Result<std::int64_t>> AsyncConnection::CopyIn(const char* sql,
                                                             const NextPiece& next_piece) {
  const Statement statement{sql, {}};
  const Result<PgResult> begun = co_await Execute(statement, SqlStep::kCopy);
  if (!begun) co_return std::unexpected(begun.error());
  if (PQresultStatus(begun->get()) != PGRES_COPY_IN) {
    co_return Fail(ErrorCode::kFatal, std::string("not a COPY: ") + sql);
  }
  const Result<> sent = co_await SendCopy(next_piece);
  if (!sent) co_return std::unexpected(sent.error());
  const Result<PgResult> done = co_await LastResult(SqlStep::kCopy);
  if (!done) co_return std::unexpected(done.error());
  co_return std::atoll(PQcmdTuples(done->get()));
}

pipeline::Task<Result<>> AsyncConnection::SendCopy(const NextPiece& next_piece) {
  for (std::string_view piece = next_piece(); !piece.empty(); piece = next_piece()) {
    // In non-blocking mode libpq takes all of it into its buffer; Flush() keeps that to one piece.
    if (PQputCopyData(connection_.get(), piece.data(), static_cast<int>(piece.size())) != 1) {
      co_return Broken("COPY");
    }
    const Result<> flushed = co_await Flush();
    if (!flushed) co_return flushed;
  }
  if (PQputCopyEnd(connection_.get(), nullptr) != 1) co_return Broken("COPY");
  co_return co_await Flush();
}

pipeline::Task<Result<std::vector<std::string>>> AsyncConnection::WaitForNotifications(
    std::chrono::steady_clock::time_point deadline) {
  boost::system::error_code error;
  ArmWatchdog(deadline);
  co_await socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              boost::asio::redirect_error(boost::asio::use_awaitable, error));
  DisarmWatchdog();
  if (error && !watchdog_fired_) {
    co_return Fail(ErrorCode::kUnavailable, "waiting for notifications");
  }
  if (!error && PQconsumeInput(connection_.get()) == 0) co_return Broken("reading");
  std::vector<std::string> payloads;
  while (PGnotify* notify = PQnotifies(connection_.get())) {
    payloads.emplace_back(notify->extra);
    PQfreemem(notify);
  }
  co_return payloads;
}

}  // namespace usage_ingest::postgres::session
