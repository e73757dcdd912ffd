#include "tests/citus/citus_fixture.h"

#include <cstdio>
#include <cstdlib>

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

constexpr int kNotRun = 77;

// All servers of the program come from there, or none is started.
class NeedsCitus : public ::testing::Environment {
 public:
  void SetUp() override {
    const char* programs = std::getenv("USAGE_INGEST_CITUS_PG_BINDIR");
    if (programs == nullptr) {
      // ctest knows by the word in brackets that the case did not run.
      std::puts("[  SKIPPED ] not run: USAGE_INGEST_CITUS_PG_BINDIR is not set");
      std::exit(kNotRun);
    }
    setenv("USAGE_INGEST_PG_BINDIR", programs, 1);
  }
};
// GoogleTest owns it.
const auto* const needs_citus = ::testing::AddGlobalTestEnvironment(new NeedsCitus);

PostgresOptions Node() {
  return {.fsync = false,
          .settings = {{"shared_preload_libraries", "citus"},
                       {"timezone", "Etc/UTC"},
                       {"citus.enable_statistics_collection", "off"},
                       {"citus.node_conninfo", "sslmode=disable"},
                       {"citus.recover_2pc_interval", "2s"}}};
}

}  // namespace

CitusTest::CitusTest(const LoadOptions& load)
    : FaultTest({.postgres = Node()}, load),
      workers_{PostgresCluster(Node()), PostgresCluster(Node())} {}

void CitusTest::SetUp() {
  FaultTest::SetUp();
  MakeCluster();
  MustAsOwner({"migrate", "--citus"});
}

void CitusTest::MakeCluster() {
  database_.Execute("CREATE EXTENSION citus");
  // Locks and processes of a small machine: a session for each shard.
  database_.Execute(std::string("ALTER DATABASE ") + kDatabase + " SET citus.shard_count = 8");
  database_.Execute("SELECT citus_set_coordinator_host('127.0.0.1', " +
                    std::to_string(postgres_.port()) + ")");
  for (PostgresCluster& worker : workers_) {
    worker.CreateDatabase(kDatabase);
    worker.Connect(kDatabase).Execute("CREATE EXTENSION citus");
    database_.Execute("SELECT citus_add_node('127.0.0.1', " + std::to_string(worker.port()) + ")");
  }
}

CommandResult CitusTest::AsOwner(const std::vector<std::string>& words) const {
  DaemonOptions options = DaemonDefaults();
  options.conninfo = postgres_.conninfo(kDatabase, kOwnerRole);
  options.settings["partitions"]["retention_months"] = "2";
  return DaemonProcess(options).Run(words, 120s);
}

void CitusTest::MustAsOwner(const std::vector<std::string>& words) const {
  const CommandResult result = AsOwner(words);
  ASSERT_EQ(result.exit_code, 0) << result.output << result.errors;
}

void CitusTest::Reconfigure(PostgresCluster& worker, const std::string& setting) {
  Database database = worker.Connect(kDatabase);
  database.Execute("ALTER SYSTEM " + setting);
  worker.Restart(PostgresCluster::StopMode::kFast);
}

std::int64_t CitusTest::Prepared() const {
  std::int64_t count = 0;
  for (const PostgresCluster& worker : workers_) {
    count += worker.Connect(kDatabase).Number("SELECT count(*) FROM pg_prepared_xacts");
  }
  return count;
}

bool CitusTest::WaitForPrepared() {
  return WaitUntil(After(60s), [this] { return Prepared() == 0; });
}

}  // namespace usage_ingest::support
