#include "tests/support/postgres/database.h"

#include <libpq-fe.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace usage_ingest::support {
namespace {

struct ResultCloser {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, ResultCloser>;

[[noreturn]] void ThrowResult(const PGresult* result, const std::string& sql) {
  const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  throw DatabaseError(std::string(PQresultErrorMessage(result)) + "in: " + sql.substr(0, 2000),
                      state == nullptr ? "" : state);
}

// libpq learns that the server has gone only at the next statement: look at the socket, behind what
// the server may have said at last.
bool IsAlive(PGconn* connection) {
  if (PQconsumeInput(connection) != 1 || PQstatus(connection) != CONNECTION_OK) return false;
  char byte = 0;
  const ssize_t seen = recv(PQsocket(connection), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return seen > 0 || (seen < 0 && errno == EAGAIN);
}

PgResult Run(PGconn* connection, const std::string& sql,
             const std::vector<std::string>& parameters) {
  PgResult result;
  if (parameters.empty()) {
    result.reset(PQexec(connection, sql.c_str()));
  } else {
    std::vector<const char*> values;
    for (const std::string& parameter : parameters) values.push_back(parameter.c_str());
    result.reset(PQexecParams(connection, sql.c_str(), static_cast<int>(values.size()), nullptr,
                              values.data(), nullptr, nullptr, 0));
  }
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) ThrowResult(result.get(), sql);
  return result;
}

}  // namespace

Database::Database(std::string conninfo) : conninfo_(std::move(conninfo)) {}
Database::~Database() = default;
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;

void Database::Closer::operator()(pg_conn* connection) const noexcept { PQfinish(connection); }

pg_conn* Database::Connection() {
  if (connection_ && IsAlive(connection_.get())) return connection_.get();
  connection_.reset(PQconnectdb(conninfo_.c_str()));
  if (PQstatus(connection_.get()) != CONNECTION_OK) Throw("connect");
  PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);
  // Texts of times are compared between databases.
  Run(connection_.get(), "SET TimeZone = 'UTC'", {});
  return connection_.get();
}

void Database::Throw(const std::string& doing) {
  throw DatabaseError(doing + ": " + PQerrorMessage(connection_.get()), "");
}

void Database::Execute(const std::string& sql, const std::vector<std::string>& parameters) {
  Run(Connection(), sql, parameters);
}

std::vector<Row> Database::Query(const std::string& sql,
                                 const std::vector<std::string>& parameters) {
  const PgResult result = Run(Connection(), sql, parameters);
  std::vector<Row> rows(static_cast<std::size_t>(PQntuples(result.get())));
  const int columns = PQnfields(result.get());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const int number = static_cast<int>(row);
    for (int column = 0; column < columns; ++column) {
      const bool null = PQgetisnull(result.get(), number, column) == 1;
      rows[row].push_back(
          null ? std::nullopt
               : std::optional<std::string>(PQgetvalue(result.get(), number, column)));
    }
  }
  return rows;
}

std::string Database::Value(const std::string& sql, const std::vector<std::string>& parameters) {
  const std::vector<Row> rows = Query(sql, parameters);
  if (rows.size() != 1 || rows[0].size() != 1 || !rows[0][0]) {
    throw DatabaseError(std::to_string(rows.size()) + " rows, not one value: " + sql, "");
  }
  return *rows[0][0];
}

std::int64_t Database::Number(const std::string& sql, const std::vector<std::string>& parameters) {
  return std::stoll(Value(sql, parameters));
}

std::vector<std::string> Database::Lines(const std::string& sql) {
  std::vector<std::string> lines;
  for (const Row& row : Query(sql)) {
    std::string line;
    for (const auto& value : row) line += value.value_or("\\N") + "\t";
    lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

void Database::CopyIn(const std::string& copy_sql, const std::string& text) {
  PGconn* connection = Connection();
  PgResult result(PQexec(connection, copy_sql.c_str()));
  if (PQresultStatus(result.get()) != PGRES_COPY_IN) ThrowResult(result.get(), copy_sql);
  // libpq takes an int's worth of bytes at once.
  constexpr std::size_t kChunkBytes = 1 << 20;
  for (std::size_t at = 0; at < text.size(); at += kChunkBytes) {
    const std::size_t bytes = std::min(kChunkBytes, text.size() - at);
    if (PQputCopyData(connection, text.data() + at, static_cast<int>(bytes)) != 1) Throw(copy_sql);
  }
  if (PQputCopyEnd(connection, nullptr) != 1) Throw(copy_sql);
  result.reset(PQgetResult(connection));
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) ThrowResult(result.get(), copy_sql);
  result.reset(PQgetResult(connection));  // the end of the command's results
}

std::string Database::CopyOut(const std::string& copy_sql) {
  PGconn* connection = Connection();
  PgResult result(PQexec(connection, copy_sql.c_str()));
  if (PQresultStatus(result.get()) != PGRES_COPY_OUT) ThrowResult(result.get(), copy_sql);
  std::string text;
  char* line = nullptr;
  for (int bytes; (bytes = PQgetCopyData(connection, &line, 0)) > 0; PQfreemem(line)) {
    text.append(line, static_cast<std::size_t>(bytes));
  }
  result.reset(PQgetResult(connection));
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) ThrowResult(result.get(), copy_sql);
  result.reset(PQgetResult(connection));  // the end of the command's results
  return text;
}

std::vector<std::pair<std::string, std::string>> Database::Notifications() {
  PGconn* connection = Connection();
  if (PQconsumeInput(connection) != 1) Throw("read notifications");
  std::vector<std::pair<std::string, std::string>> result;
  while (PGnotify* notification = PQnotifies(connection)) {
    result.emplace_back(notification->relname, notification->extra);
    PQfreemem(notification);
  }
  return result;
}

}  // namespace usage_ingest::support
