#include "tests/support/postgres/postgres_replica.h"

#include <fstream>
#include <stdexcept>

#include "tests/support/network/free_port.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kPatience = 60s;

void WaitFor(const std::string& what, Database& database, const std::string& sql) {
  const bool done = WaitUntil(After(kPatience), [&] {
    try {
      return database.Value(sql) == "t";
    } catch (const DatabaseError&) {
      return false;
    }
  });
  if (!done) throw std::runtime_error("replica: " + what + " took too long");
}

}  // namespace

PostgresReplica::PostgresReplica(const PostgresCluster& primary) : port_(FreePort()) {
  const fs::path data = files_.path() / "replica";
  const CommandResult backup = RunCommand(
      {.command = {(PostgresBinaries() / "pg_basebackup").string(), "--write-recovery-conf",
                   "--checkpoint=fast", "--no-sync", "--pgdata=" + data.string(),
                   "--dbname=" + primary.conninfo("postgres")}},
      After(kPatience));
  if (backup.exit_code != 0) throw std::runtime_error("pg_basebackup: " + backup.errors);
  std::ofstream(data / "postgresql.auto.conf", std::ios::app) << "port = " << port_ << "\n";
  if (!PostgresUser().empty()) {
    const CommandResult given = RunCommand(
        {.command = {"chown", "-R", PostgresUser() + ":", data.string()}}, After(kPatience));
    if (given.exit_code != 0) throw std::runtime_error("chown: " + given.errors);
  }
  server_ = std::make_unique<ChildProcess>(
      ChildOptions{.command = {(PostgresBinaries() / "postgres").string(), "-D", data.string()},
                   .working_directory = "/",
                   .output = files_.path() / "log",
                   .user = PostgresUser(),
                   .death_signal = SIGQUIT});
  Database self(conninfo("postgres"));
  WaitFor("streaming", self,
          "SELECT count(*) = 1 FROM pg_stat_wal_receiver WHERE status = "
          "'streaming'");
}

PostgresReplica::~PostgresReplica() {
  if (!server_->running()) return;
  server_->Signal(SIGQUIT);
  // ignored because the destructor of ChildProcess kills what is left
  static_cast<void>(server_->WaitExit(After(5s)));
}

std::string PostgresReplica::conninfo(const std::string& database) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " dbname=" + database + " user=postgres";
}

void PostgresReplica::Disconnect() {
  Database self(conninfo("postgres"));
  self.Execute("ALTER SYSTEM SET primary_conninfo = ''");
  self.Execute("SELECT pg_reload_conf()");
  WaitFor("disconnecting", self, "SELECT count(*) = 0 FROM pg_stat_wal_receiver");
}

void PostgresReplica::Promote() {
  Database self(conninfo("postgres"));
  self.Execute("SELECT pg_promote()");
  WaitFor("promotion", self, "SELECT NOT pg_is_in_recovery()");
}

}  // namespace usage_ingest::support
