// A proxy between the daemon and PostgreSQL: one that pools transactions is noticed, one that pools
// sessions works. PgBouncer is the real one, from Debian.
#include <filesystem>
#include <fstream>

#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/support/child_process.h"
#include "tests/support/network/free_port.h"
#include "tests/support/pipeline/daemon_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;

constexpr const char* kPgBouncer = "/usr/sbin/pgbouncer";

class PoolingTest : public PostgresTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(std::filesystem::exists(kPgBouncer)) << "tools/setup test installs pgbouncer";
    CreateMigrated("litemaas");
  }

  // Returns the conninfo by way of the proxy.
  std::string StartProxy(const std::string& pool_mode, int pool_size) {
    const std::filesystem::path users = files_.path() / "users.txt";
    const std::filesystem::path config = files_.path() / "pgbouncer.ini";
    const std::string port = std::to_string(support::FreePort());
    std::ofstream(users) << "\"postgres\" \"\"\n";
    std::ofstream(config) << "[databases]\n* = host=127.0.0.1 port=" << postgres_.port()
                          << " user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = "
                          << port << "\nauth_type = any\nauth_file = " << users.string()
                          << "\npool_mode = " << pool_mode << "\ndefault_pool_size = " << pool_size
                          << "\nunix_socket_dir =\n";
    // Its user must read them: PgBouncer, too, does not run as root.
    std::filesystem::permissions(
        files_.path(), std::filesystem::perms::others_exec | std::filesystem::perms::others_read,
        std::filesystem::perm_options::add);
    proxy_ = std::make_unique<support::ChildProcess>(
        support::ChildOptions{.command = {kPgBouncer, config.string()},
                              .working_directory = "/",
                              .output = files_.path() / "pgbouncer.log",
                              .user = support::PostgresUser()});
    const std::string conninfo = "host=127.0.0.1 dbname=litemaas user=postgres port=" + port;
    EXPECT_TRUE(support::WaitUntil(support::After(10s), [&] {
      const auto opened = blocking::SyncConnection::Open(conninfo, "test");
      return opened || opened.error().context == blocking::kTransactionPooling;
    })) << support::ReadFile(files_.path() / "pgbouncer.log");
    return conninfo;
  }

  support::TempDir files_;
  std::unique_ptr<support::ChildProcess> proxy_;
};

TEST_F(PoolingTest, TransactionPoolingIsRefused) {
  for (const int pool_size : {1, 20}) {
    const auto report = probe::ProbeDatabase(StartProxy("transaction", pool_size));
    ASSERT_TRUE(report) << report.error().context;
    EXPECT_FALSE(report->ok());
    ASSERT_FALSE(report->findings.empty());
    EXPECT_TRUE(Holds(report->findings[0].what, "transaction pooling"));
    EXPECT_TRUE(Holds(report->findings[0].fix, "pool_mode = session"));
  }
}

// The story: `migrate` left its advisory lock behind, `import` and `check-config` their settings,
// in sessions that LiteMaaS uses too.
TEST_F(PoolingTest, NoCommandChangesASessionThatOthersUse) {
  const std::string conninfo = StartProxy("transaction", 1);
  Database shared(conninfo);
  const auto settings = [&] {
    return shared.Lines(
        "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name NOT IN "
        "('application_name', 'client_encoding', 'DateStyle', 'TimeZone', "
        "'standard_conforming_strings')");
  };
  const auto before = settings();
  const std::filesystem::path events = files_.path() / "events";
  std::ofstream(events)
      << R"({"id":"a","startTime":1700000000,"model_group":"m","prompt_tokens":1})";
  support::DaemonProcess program({.brokers = "127.0.0.1:1", .conninfo = conninfo});
  const std::vector<std::vector<std::string>> commands = {{"run"},
                                                          {"migrate"},
                                                          {"migrate", "--dry-run"},
                                                          {"check-config", "--connect"},
                                                          {"import", events.string()},
                                                          {"import", "--dry-run", events.string()},
                                                          {"dead-letters", "list"},
                                                          {"dead-letters", "retry"},
                                                          {"partitions", "ensure"},
                                                          {"summaries", "verify"},
                                                          {"partitions", "list"}};
  for (const std::vector<std::string>& command : commands) {
    const support::CommandResult result = program.Run(command);
    const std::string name = command.front() + " " + command.back();
    EXPECT_NE(result.exit_code, 0) << name;
    EXPECT_TRUE(Holds(result.output + result.errors, "transaction pooling"))
        << name << result.output << result.errors;
    EXPECT_TRUE(Holds(result.output + result.errors, "pool_mode = session")) << name;
    EXPECT_EQ(settings(), before) << name;
    EXPECT_EQ(postgres_.Connect("litemaas")
                  .Number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"),
              0)
        << name;
  }
}

TEST_F(PoolingTest, SessionPoolingWorks) {
  const auto report = probe::ProbeDatabase(StartProxy("session", 20));
  ASSERT_TRUE(report) << report.error().context;
  EXPECT_TRUE(report->findings.empty()) << report->findings[0].ToLine();
}

}  // namespace
}  // namespace usage_ingest::postgres
