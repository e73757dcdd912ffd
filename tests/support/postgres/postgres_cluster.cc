#include "tests/support/postgres/postgres_cluster.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "tests/support/made_once.h"
#include "tests/support/network/free_port.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr auto kStartMax = 30s;
constexpr auto kStopMax = 30s;

// Returns its output.
std::string RunAsPostgres(const std::vector<std::string>& command) {
  const CommandResult result = RunCommand(
      {.command = command, .working_directory = "/", .user = PostgresUser()}, After(60s));
  if (result.exit_code != 0) {
    throw std::runtime_error(command[0] + ": " + result.output + result.errors);
  }
  return result.output;
}

void GiveToPostgres(const fs::path& directory) {
  if (PostgresUser().empty()) return;
  const CommandResult result = RunCommand(
      {.command = {"chown", "-R", PostgresUser() + ":", directory.string()}}, After(60s));
  if (result.exit_code != 0) throw std::runtime_error("chown: " + result.errors);
}

std::string Initdb() { return (PostgresBinaries() / "initdb").string(); }

// A data directory fresh from initdb.
fs::path EmptyData() {
  return MadeOnce(ServerVersion(), [](const fs::path& ready) {
    const TempDir scratch;
    const fs::path made = scratch.path() / "data";
    fs::create_directory(made);
    GiveToPostgres(made);
    // ignored because only a failure matters, and it throws
    static_cast<void>(
        RunAsPostgres({Initdb(), "--pgdata=" + made.string(), "--no-sync", "--auth=trust",
                       "--username=postgres", "--locale=C.UTF-8", "--encoding=UTF8"}));
    fs::copy(made, ready, fs::copy_options::recursive);
  });
}

}  // namespace

std::string PostgresUser() { return geteuid() == 0 ? "postgres" : ""; }

fs::path PostgresBinaries() {
  const char* directory = std::getenv("USAGE_INGEST_PG_BINDIR");
  return directory == nullptr ? USAGE_INGEST_PG_BINDIR : directory;
}

std::string ServerVersion() {
  // "initdb (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"
  const std::string version = RunAsPostgres({Initdb(), "--version"});
  std::string name;
  std::ranges::copy_if(version, std::back_inserter(name),
                       [](char c) { return std::isalnum(c) != 0 || c == '.'; });
  return name;
}

PostgresCluster::PostgresCluster(const PostgresOptions& options)
    : data_(files_.path() / "data"), port_(FreePort()) {
  fs::copy(options.data.empty() ? EmptyData() : options.data, data_, fs::copy_options::recursive);
  fs::permissions(data_, fs::perms::owner_all);  // PostgreSQL insists
  WriteConfiguration(options);
  GiveToPostgres(data_);
  Start();
}

PostgresCluster::~PostgresCluster() {
  if (server_ == nullptr || !server_->running()) return;
  server_->Signal(SIGQUIT);  // immediate: nothing in it is needed any more
  // ignored because the destructor of ChildProcess kills what is left
  static_cast<void>(server_->WaitExit(After(5s)));
}

void PostgresCluster::WriteConfiguration(const PostgresOptions& options) const {
  std::ofstream file(data_ / "postgresql.conf", std::ios::app);
  file << "port = " << port_ << "\nlisten_addresses = '" << options.listen << "'\n"
       << "unix_socket_directories = ''\n"
       // Both leave nothing behind in /dev/shm when the server is killed.
       << "dynamic_shared_memory_type = mmap\nshared_memory_type = mmap\n"
       << "shared_buffers = 64MB\nmax_wal_size = 512MB\nmax_connections = 60\n"
       << "fsync = " << (options.fsync ? "on" : "off") << "\n"
       << "log_line_prefix = '%m [%p] %a '\nlog_lock_waits = on\n";
  for (const auto& [name, value] : options.settings) file << name << " = '" << value << "'\n";
  std::ofstream(data_ / "pg_hba.conf") << "host all all 0.0.0.0/0 trust\n"
                                       << "host replication all 0.0.0.0/0 trust\n";
  if (!file.flush()) throw std::runtime_error("cannot write postgresql.conf");
}

std::string PostgresCluster::conninfo(const std::string& database, const std::string& user) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " dbname=" + database + " user=" + user;
}

void PostgresCluster::Spawn() {
  server_ = std::make_unique<ChildProcess>(
      ChildOptions{.command = {(PostgresBinaries() / "postgres").string(), "-D", data_.string()},
                   .working_directory = "/",
                   .output = files_.path() / "postgres.log",
                   .user = PostgresUser(),
                   .death_signal = SIGQUIT});
}

void PostgresCluster::Start() {
  Spawn();
  const bool up = WaitUntil(After(kStartMax), [this] {
    // After a kill the old children hold the shared memory for a moment and the new one refuses.
    if (!server_->running()) Spawn();
    try {
      Connect("postgres").Execute("SELECT 1");
      return true;
    } catch (const DatabaseError&) {
      return false;
    }
  });
  if (!up) throw std::runtime_error("postgres did not start\n" + log());
}

void PostgresCluster::Stop(StopMode mode) {
  server_->Signal(mode == StopMode::kFast ? SIGINT : SIGQUIT);
  if (!server_->WaitExit(After(kStopMax))) throw std::runtime_error("postgres did not stop");
}

void PostgresCluster::Kill() {
  server_->Signal(SIGKILL);
  // ignored because SIGKILL cannot fail
  static_cast<void>(server_->WaitExit(After(kStopMax)));
}

void PostgresCluster::CreateDatabase(const std::string& name) {
  Connect("postgres").Execute("CREATE DATABASE " + name);
}

}  // namespace usage_ingest::support
