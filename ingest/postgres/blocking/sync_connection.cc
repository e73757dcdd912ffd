#include "ingest/postgres/blocking/sync_connection.h"

#include <poll.h>

#include <charconv>

#include "ingest/postgres/session/session_setup.h"
#include "ingest/postgres/session/sqlstate.h"

namespace usage_ingest::postgres::blocking {
namespace {

void HandleNotice(void* handler, const PGresult* notice) {
  const auto& on_warning = *static_cast<std::function<void(std::string_view)>*>(handler);
  if (!on_warning) return;
  const char* message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
  if (message != nullptr) on_warning(message);
}

}  // namespace

std::string_view SyncRows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

std::int64_t SyncRows::number(int row, int column) const {
  const std::string_view digits = text(row, column);
  std::int64_t value = 0;
  // ignored because NULL and what is no number are 0 by contract
  static_cast<void>(std::from_chars(digits.data(), digits.data() + digits.size(), value));
  return value;
}

std::int64_t SyncRows::affected() const {
  const std::string_view digits = PQcmdTuples(result_.get());
  std::int64_t value = 0;
  // ignored because a command that counts nothing has an empty tag
  static_cast<void>(std::from_chars(digits.data(), digits.data() + digits.size(), value));
  return value;
}

SyncConnection::SyncConnection(session::PgConn connection)
    : connection_(std::move(connection)),
      on_warning_(std::make_unique<std::function<void(std::string_view)>>()) {
  PQsetNoticeReceiver(connection_.get(), HandleNotice, on_warning_.get());
}

Result<SyncConnection> SyncConnection::Open(std::string_view conninfo, std::string_view purpose) {
  const session::ConnectKeywords keywords(std::string(conninfo),
                                          "usage-ingestd/" + std::string(purpose));
  session::PgConn handle(
      PQconnectdbParams(keywords.keywords(), keywords.values(), /*expand_dbname=*/1));
  if (handle == nullptr) return Fail(ErrorCode::kUnavailable, "out of memory");
  if (PQstatus(handle.get()) != CONNECTION_OK) {
    return std::unexpected(session::ConnectionError(handle.get(), "cannot connect to PostgreSQL"));
  }
  SyncConnection connection(std::move(handle));
  const std::string set_up = session::SessionSetUp(session::SessionUse::kCommand);
  if (auto done = connection.Execute(set_up); !done) return std::unexpected(done.error());
  return connection;
}

Result<SyncRows> SyncConnection::Check(PGresult* raw) {
  session::PgResult result(raw);
  last_sqlstate_.clear();
  if (result == nullptr) {
    return std::unexpected(session::ConnectionError(connection_.get(), "PostgreSQL"));
  }
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) {
    return SyncRows(std::move(result));
  }
  if (const char* code = PQresultErrorField(result.get(), PG_DIAG_SQLSTATE); code != nullptr) {
    last_sqlstate_ = code;
  }
  return std::unexpected(session::ErrorOf(result.get(), session::SqlStep::kOther));
}

Result<SyncRows> SyncConnection::Execute(const std::string& sql) {
  return Check(PQexec(connection_.get(), sql.c_str()));
}

Result<SyncRows> SyncConnection::ExecuteWatched(const std::string& sql,
                                                std::chrono::milliseconds interval,
                                                const std::function<void()>& still_running) {
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) {
    return std::unexpected(session::ConnectionError(connection_.get(), "PostgreSQL"));
  }
  while (PQisBusy(connection_.get()) == 1) {
    pollfd socket{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
    if (poll(&socket, 1, static_cast<int>(interval.count())) == 0) {
      still_running();
    } else if (PQconsumeInput(connection_.get()) == 0) {
      return std::unexpected(session::ConnectionError(connection_.get(), "PostgreSQL"));
    }
  }
  PGresult* last = PQgetResult(connection_.get());
  while (PGresult* next = PQgetResult(connection_.get())) {
    PQclear(last);
    last = next;
  }
  return Check(last);
}

Result<SyncRows> SyncConnection::Query(const std::string& sql, std::span<const SyncParam> params) {
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const SyncParam& param : params) values.push_back(param ? param->c_str() : nullptr);
  return Check(PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()),
                            nullptr, values.data(), nullptr, nullptr, /*resultFormat=*/0));
}

int SyncConnection::server_version() const { return PQserverVersion(connection_.get()); }
int SyncConnection::backend_pid() const { return PQbackendPID(connection_.get()); }

std::string SyncConnection::QuoteLiteral(std::string_view text) const {
  std::unique_ptr<char, decltype(&PQfreemem)> quoted(
      PQescapeLiteral(connection_.get(), text.data(), text.size()), &PQfreemem);
  return quoted == nullptr ? "''" : quoted.get();
}

Result<SyncTransaction> SyncTransaction::Begin(SyncConnection& connection,
                                               const std::string& begin) {
  if (auto done = connection.Execute(begin); !done) return std::unexpected(done.error());
  return SyncTransaction(&connection);
}

SyncTransaction::~SyncTransaction() {
  if (connection_ == nullptr) return;
  // ignored because a ROLLBACK that fails means that the session, and its transaction, are gone
  [[maybe_unused]] const auto ignored = connection_->Execute("ROLLBACK");
}

Result<> SyncTransaction::Commit() {
  SyncConnection* connection = std::exchange(connection_, nullptr);
  auto done = connection->Execute("COMMIT");
  if (!done) return std::unexpected(done.error());
  return {};
}

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace usage_ingest::postgres::blocking
