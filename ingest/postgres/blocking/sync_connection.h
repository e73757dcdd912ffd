#pragma once
// SyncConnection: one session of PostgreSQL for work that may block, as commands do.
//
// The session is set up by session_setup.h as those of the lanes are, so that a statement means the
// same in both. Values come as text.
//
// Owner         one thread.
// Errors        kShuttingDown after a signal (interruption.h); the session is then of no use. Else
//               as session/sqlstate.h classifies them. last_sqlstate() is the
//               code itself, for the few callers that decide by it.
// Source        PostgreSQL 15 manual, 34.3 "Command Execution Functions", 34.13 "Notice
//               Processing".
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/postgres/session/pg_handles.h"
#include "schema/error.h"

namespace usage_ingest::postgres::blocking {

// The rows of one answer.
class SyncRows {
 public:
  explicit SyncRows(session::PgResult result) : result_(std::move(result)) {}
  [[nodiscard]] int count() const { return PQntuples(result_.get()); }
  [[nodiscard]] bool is_null(int row, int column) const {
    return PQgetisnull(result_.get(), row, column) == 1;
  }
  // "" for NULL; valid as long as this object.
  [[nodiscard]] std::string_view text(int row, int column) const;
  [[nodiscard]] std::int64_t number(int row, int column) const;  // 0 for NULL
  [[nodiscard]] bool boolean(int row, int column) const { return text(row, column) == "t"; }
  [[nodiscard]] const PGresult* result() const { return result_.get(); }
  // What the command tag counts: rows of INSERT, UPDATE, DELETE.
  [[nodiscard]] std::int64_t affected() const;

 private:
  session::PgResult result_;
};

using SyncParam = std::optional<std::string>;

// Begins the context of the error kUnavailable that Open gives for a transaction pooler.
inline constexpr std::string_view kTransactionPooling =
    "cannot connect to PostgreSQL: a proxy gives each transaction another session (transaction "
    "pooling): settings, temporary tables and LISTEN are lost in between";

class SyncConnection {
 public:
  // Nothing is set, locked or written in a session of a transaction pooler: other programs use it.
  // `purpose` ends the application_name: usage-ingestd/<purpose>.
  [[nodiscard]] static Result<SyncConnection> Open(std::string_view conninfo,
                                                   std::string_view purpose);

  // Several statements, one transaction unless they say otherwise; returns the last one's rows.
  // Calls `still_running` each `interval` while they run.
  Result<SyncRows> Execute(const std::string& sql,
                           std::chrono::milliseconds interval = std::chrono::hours(1),
                           const std::function<void()>& still_running = {});
  // The same, without the rows.
  Result<> Run(const std::string& sql);
  // The same when the answer is one text.
  Result<std::string> ReadText(const std::string& sql);
  // One statement with $1, $2, ...
  Result<SyncRows> Query(const std::string& sql, std::span<const SyncParam> params);

  [[nodiscard]] const std::string& last_sqlstate() const { return last_sqlstate_; }
  [[nodiscard]] int server_version() const;  // 150004 for 15.4
  [[nodiscard]] int backend_pid() const;
  [[nodiscard]] std::string QuoteLiteral(std::string_view text) const;
  // WARNINGs and worse of the server; NOTICEs are not passed on. Kept across moves.
  void OnWarning(std::function<void(std::string_view)> handler) {
    *on_warning_ = std::move(handler);
  }

 private:
  explicit SyncConnection(session::PgConn connection);
  // Connected, and nothing is set yet.
  [[nodiscard]] static Result<SyncConnection> OpenPlain(std::string_view conninfo,
                                                        std::string_view purpose);
  Result<> RefuseTransactionPooling(std::string_view conninfo);
  Result<SyncRows> Check(PGresult* result);
  // After a statement was sent: its last result.
  Result<SyncRows> Await(std::chrono::milliseconds interval,
                         const std::function<void()>& still_running);
  [[nodiscard]] bool MustEnd(std::chrono::steady_clock::time_point started) const;
  void Cancel();

  session::PgConn connection_;
  bool cleans_up_;  // opened after the signal
  std::string last_sqlstate_;
  // libpq keeps a pointer to it.
  std::unique_ptr<std::function<void(std::string_view)>> on_warning_;
};

// A transaction that is rolled back unless it was committed.
class SyncTransaction {
 public:
  [[nodiscard]] static Result<SyncTransaction> Begin(SyncConnection& connection,
                                                     const std::string& begin = "BEGIN");
  ~SyncTransaction();
  SyncTransaction(SyncTransaction&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)) {}
  SyncTransaction& operator=(SyncTransaction&&) = delete;
  Result<> Commit();

 private:
  explicit SyncTransaction(SyncConnection* connection) : connection_(connection) {}
  SyncConnection* connection_;
};

// "name", safe within SQL whatever it holds.
[[nodiscard]] std::string QuoteIdentifier(std::string_view name);

}  // namespace usage_ingest::postgres::blocking
