#pragma once
// Database: SQL for tests, as text in and text out.
//
// Owner         one thread. It connects again at the next statement after a connection was lost.
// Errors        throws DatabaseError with the SQLSTATE; a test that expects one catches it.
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

struct pg_conn;

namespace usage_ingest::support {

class DatabaseError : public std::runtime_error {
 public:
  DatabaseError(const std::string& message, std::string state)
      : std::runtime_error(message), sqlstate(std::move(state)) {}
  std::string sqlstate;  // "" when the connection was lost
};

using Row = std::vector<std::optional<std::string>>;  // NULL is nullopt

class Database {
 public:
  explicit Database(std::string conninfo);
  ~Database();
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;

  // One or several statements; parameters only with one.
  void Execute(const std::string& sql, const std::vector<std::string>& parameters = {});
  [[nodiscard]] std::vector<Row> Query(const std::string& sql,
                                       const std::vector<std::string>& parameters = {});
  // The one value of the one row; throws when there is not exactly one, or it is NULL.
  [[nodiscard]] std::string Value(const std::string& sql,
                                  const std::vector<std::string>& parameters = {});
  [[nodiscard]] std::int64_t Number(const std::string& sql,
                                    const std::vector<std::string>& parameters = {});
  // Rows as tab-separated lines, sorted, NULL as \N: what two tables are compared by.
  [[nodiscard]] std::vector<std::string> Lines(const std::string& sql);

  // COPY … FROM STDIN / TO STDOUT in PostgreSQL's text format.
  void CopyIn(const std::string& copy_sql, const std::string& text);
  [[nodiscard]] std::string CopyOut(const std::string& copy_sql);
  // Channels of the notifications that came since the last call, with their payloads.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> Notifications();

  [[nodiscard]] const std::string& conninfo() const noexcept { return conninfo_; }

 private:
  pg_conn* Connection();
  [[noreturn]] void Throw(const std::string& doing);

  struct Closer {
    void operator()(pg_conn* connection) const noexcept;
  };
  std::string conninfo_;
  std::unique_ptr<pg_conn, Closer> connection_;
};

}  // namespace usage_ingest::support
