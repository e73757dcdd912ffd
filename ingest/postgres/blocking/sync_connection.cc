#include "ingest/postgres/blocking/sync_connection.h"

#include <poll.h>

#include <array>
#include <charconv>
#include <future>
#include <thread>

#include "ingest/postgres/blocking/interruption.h"
#include "ingest/postgres/session/session_setup.h"
#include "ingest/postgres/session/sqlstate.h"

namespace usage_ingest::postgres::blocking {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// How soon an interruption is noticed.
constexpr auto kLookInterval = milliseconds(50);

constexpr int kPoolingAttempts = 3;

std::unexpected<Error> Interrupted() { return Fail(ErrorCode::kShuttingDown, "interrupted"); }

void HandleNotice(void* handler, const PGresult* notice) {
  const auto& on_warning = *static_cast<std::function<void(std::string_view)>*>(handler);
  if (!on_warning) return;
  const char* message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
  if (message != nullptr) on_warning(message);
}

// On a thread of its own: libpq waits for each host and address in turn, and for name servers. The
// thread outlives this call when a signal ends it.
Result<session::PgConn> Connect(std::string_view conninfo, std::string_view purpose) {
  const bool cleans_up = IsInterrupted();
  const auto started = steady_clock::now();
  auto keywords = std::make_unique<session::ConnectKeywords>(
      std::string(conninfo), "usage-ingestd/" + std::string(purpose));
  std::promise<session::PgConn> promise;
  std::future<session::PgConn> connected = promise.get_future();
  std::thread([promise = std::move(promise), keywords = std::move(keywords)]() mutable {
    promise.set_value(session::PgConn(
        PQconnectdbParams(keywords->keywords(), keywords->values(), /*expand_dbname=*/1)));
  }).detach();
  while (connected.wait_for(kLookInterval) != std::future_status::ready) {
    const bool is_late = steady_clock::now() - started >= kCleanUpMax;
    if (cleans_up ? is_late : IsInterrupted()) return Interrupted();
  }
  return connected.get();
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
      cleans_up_(IsInterrupted()),
      on_warning_(std::make_unique<std::function<void(std::string_view)>>()) {
  PQsetNoticeReceiver(connection_.get(), HandleNotice, on_warning_.get());
}

Result<SyncConnection> SyncConnection::OpenPlain(std::string_view conninfo,
                                                 std::string_view purpose) {
  Result<session::PgConn> handle = Connect(conninfo, purpose);
  if (!handle) return std::unexpected(handle.error());
  if (*handle == nullptr) return Fail(ErrorCode::kUnavailable, "out of memory");
  if (PQstatus(handle->get()) != CONNECTION_OK) {
    return std::unexpected(session::ConnectionError(handle->get(), "cannot connect to PostgreSQL"));
  }
  return SyncConnection(std::move(*handle));
}

Result<SyncConnection> SyncConnection::Open(std::string_view conninfo, std::string_view purpose) {
  auto opened = OpenPlain(conninfo, purpose);
  if (!opened) return opened;
  SyncConnection& connection = *opened;
  if (auto done = connection.RefuseTransactionPooling(conninfo); !done) {
    return std::unexpected(done.error());
  }
  const std::string set_up = session::SessionSetUp(session::SessionUse::kCommand);
  if (auto done = connection.Run(set_up); !done) return std::unexpected(done.error());
  return opened;
}

// Two sessions that are both connected never share a server process, unless a proxy gives out
// processes by transaction: then the second one gets what the first one has just left, or the first
// one gets another while the second holds its old one. A proxy shows itself by a process id that is
// not the server's: it must route cancel requests.
Result<> SyncConnection::RefuseTransactionPooling(std::string_view conninfo) {
  const auto ask = [](SyncConnection& connection) -> Result<std::int64_t> {
    auto rows = connection.Execute("SELECT pg_catalog.pg_backend_pid()");
    if (!rows) return std::unexpected(rows.error());
    return rows->number(0, 0);
  };
  auto before = ask(*this);
  if (!before) return std::unexpected(before.error());
  if (*before == backend_pid()) return {};
  auto second = OpenPlain(conninfo, "probe");
  if (!second) return std::unexpected(second.error());
  for (int attempt = 0; attempt < kPoolingAttempts; ++attempt) {
    if (before = ask(*this); !before) return std::unexpected(before.error());
    auto transaction = SyncTransaction::Begin(*second);
    if (!transaction) return std::unexpected(transaction.error());
    const auto other = ask(*second);
    if (!other) return std::unexpected(other.error());
    // Not asked if it is clear already: the second one may hold the only process of the pool.
    const auto after = *other == *before ? Result<std::int64_t>(0) : ask(*this);
    if (!after) return std::unexpected(after.error());
    if (*after != *before) return Fail(ErrorCode::kUnavailable, std::string(kTransactionPooling));
  }
  return {};
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

Result<> SyncConnection::Run(const std::string& sql) {
  auto done = Execute(sql);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<std::string> SyncConnection::ReadText(const std::string& sql) {
  auto rows = Execute(sql);
  if (!rows) return std::unexpected(rows.error());
  return std::string(rows->text(0, 0));
}

Result<SyncRows> SyncConnection::Execute(const std::string& sql, milliseconds interval,
                                         const std::function<void()>& still_running) {
  if (MustEnd(steady_clock::now())) return Interrupted();
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0) {
    return std::unexpected(session::ConnectionError(connection_.get(), "PostgreSQL"));
  }
  return Await(interval, still_running);
}

Result<SyncRows> SyncConnection::Query(const std::string& sql, std::span<const SyncParam> params) {
  if (MustEnd(steady_clock::now())) return Interrupted();
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const SyncParam& param : params) values.push_back(param ? param->c_str() : nullptr);
  if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                        values.data(), nullptr, nullptr, /*resultFormat=*/0) == 0) {
    return std::unexpected(session::ConnectionError(connection_.get(), "PostgreSQL"));
  }
  return Await(std::chrono::hours(1), {});
}

bool SyncConnection::MustEnd(steady_clock::time_point started) const {
  return cleans_up_ ? steady_clock::now() - started >= kCleanUpMax : IsInterrupted();
}

Result<SyncRows> SyncConnection::Await(milliseconds interval,
                                       const std::function<void()>& still_running) {
  const auto started = steady_clock::now();
  auto reported = started;
  session::PgResult last;
  bool is_broken = false;  // then libpq has the error as a result
  while (true) {
    while (!is_broken && PQisBusy(connection_.get()) == 1) {
      pollfd socket{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
      if (poll(&socket, 1, kLookInterval.count()) > 0) {
        is_broken = PQconsumeInput(connection_.get()) == 0;
        continue;
      }
      if (MustEnd(started)) {
        Cancel();
        return Interrupted();
      }
      if (!still_running || steady_clock::now() - reported < interval) continue;
      reported = steady_clock::now();
      still_running();
    }
    session::PgResult next(PQgetResult(connection_.get()));
    if (next == nullptr) return Check(last.release());
    last = std::move(next);
  }
}

// A server that does not answer must not delay the end: the thread outlives this call.
void SyncConnection::Cancel() {
  std::promise<void> promise;
  const std::future<void> cancelled = promise.get_future();
  std::thread([promise = std::move(promise),
               cancel = std::unique_ptr<PGcancel, decltype(&PQfreeCancel)>(
                   PQgetCancel(connection_.get()), &PQfreeCancel)]() mutable {
    std::array<char, 256> message{};
    // ignored because a server that cannot be asked ends the session when it notices its end
    static_cast<void>(PQcancel(cancel.get(), message.data(), message.size()));
    promise.set_value();
  }).detach();
  // ignored because both endings mean: there is nothing more to do
  static_cast<void>(cancelled.wait_for(kCleanUpMax));
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
  if (auto done = connection.Run(begin); !done) return std::unexpected(done.error());
  return SyncTransaction(&connection);
}

SyncTransaction::~SyncTransaction() {
  if (connection_ == nullptr) return;
  // ignored because a ROLLBACK that fails means that the session, and its transaction, are gone
  [[maybe_unused]] const auto ignored = connection_->Execute("ROLLBACK");
}

Result<> SyncTransaction::Commit() { return std::exchange(connection_, nullptr)->Run("COMMIT"); }

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace usage_ingest::postgres::blocking
