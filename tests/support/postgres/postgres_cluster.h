#pragma once
// PostgresCluster: a real PostgreSQL of the test's own, on a port of 127.0.0.1.
//
// Ready in about a second: the result of initdb is kept in the build folder and copied. All roles
// on 127.0.0.1 are trusted, as the tests connect as several roles.
//
// Owner         the test; destroyed with it, also when the test is killed.
// Source        PostgreSQL refuses to run as root: a test that does runs it as user postgres.
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "tests/support/child_process.h"
#include "tests/support/postgres/database.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {

struct PostgresOptions {
  // Off is for tests that never crash the server: it is then no faster to lose data than to keep
  // it.
  bool fsync = true;
  std::string listen = "127.0.0.1";  // comma-separated; a network namespace needs more
  std::map<std::string, std::string> settings = {};  // postgresql.conf, over ours
  std::filesystem::path data = {};  // is copied; empty: a cluster fresh from initdb
};

class PostgresCluster {
 public:
  explicit PostgresCluster(const PostgresOptions& options = {});
  ~PostgresCluster();
  PostgresCluster(const PostgresCluster&) = delete;
  PostgresCluster& operator=(const PostgresCluster&) = delete;

  void CreateDatabase(const std::string& name);
  // As the superuser postgres, or as `user`.
  [[nodiscard]] std::string conninfo(const std::string& database,
                                     const std::string& user = "postgres") const;
  [[nodiscard]] Database Connect(const std::string& database) const {
    return Database(conninfo(database));
  }

  // Returns when connections are accepted.
  void Start();
  enum class StopMode { kFast, kImmediate };
  void Stop(StopMode mode);
  void Kill();  // SIGKILL to the postmaster; its children notice
  void Restart(StopMode mode) {
    Stop(mode);
    Start();
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return data_; }
  [[nodiscard]] std::string log() const { return ReadFile(files_.path() / "postgres.log"); }

 private:
  void Spawn();
  void WriteConfiguration(const PostgresOptions& options) const;

  TempDir files_;
  std::filesystem::path data_;
  std::uint16_t port_;
  std::unique_ptr<ChildProcess> server_;
};

// The user that PostgreSQL's programs must run as: "postgres" for root, else "" (the test's own).
[[nodiscard]] std::string PostgresUser();
// Directory of initdb, postgres and pg_basebackup: Debian's, or USAGE_INGEST_PG_BINDIR.
[[nodiscard]] std::filesystem::path PostgresBinaries();
// Their version, of letters, digits and dots: a data directory belongs to it.
[[nodiscard]] std::string ServerVersion();

}  // namespace usage_ingest::support
