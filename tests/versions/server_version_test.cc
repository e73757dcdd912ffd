// What depends on the version of PostgreSQL, on the server that USAGE_INGEST_PG_BINDIR names:
// migrate, the steps of a batch, and the whole way of an event. One server for all cases but the
// last.
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>

#include "ingest/postgres/migrate/migrator.h"
#include "ingest/postgres/probe/probe.h"
#include "tests/integration/postgres/litemaas_releases.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/integration/postgres/postgres_world.h"
#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest {
namespace {

using support::Database;

// PostgreSQL does not run as root, and its own user may not look into the folder of the clone.
class ReadableServerPrograms : public ::testing::Environment {
 public:
  void SetUp() override {
    static const support::TempDir copies;
    const std::filesystem::path servers = support::PostgresBinaries().parent_path();
    std::filesystem::copy(servers, copies.path() / "server",
                          std::filesystem::copy_options::recursive);
    const std::string bindir = copies.path() / "server" / "bin";
    ASSERT_EQ(setenv("USAGE_INGEST_PG_BINDIR", bindir.c_str(), /*replace=*/1), 0);
  }
};
const auto* const kReadableServerPrograms =
    ::testing::AddGlobalTestEnvironment(std::make_unique<ReadableServerPrograms>().release());

support::PostgresCluster& Server() {
  static support::PostgresCluster server({.fsync = false});
  return server;
}

Database Create(const std::string& name) {
  Server().CreateDatabase(name);
  return Server().Connect(name);
}

std::string Migrate(const std::string& name) {
  std::ostringstream output;
  const Result<> migrated = postgres::migrate::Migrate(Server().conninfo(name), {}, output);
  EXPECT_TRUE(migrated) << migrated.error().context << "\n" << output.str();
  return output.str();
}

void ExpectUsable(const std::string& name) {
  const auto report = postgres::probe::ProbeDatabase(Server().conninfo(name));
  ASSERT_TRUE(report) << report.error().context;
  for (const postgres::probe::Finding& finding : report->findings) {
    EXPECT_NE(finding.severity, postgres::probe::Severity::kFatal) << finding.ToLine();
  }
}

TEST(ServerVersionTest, IsTheOneThatTheMatrixAsksFor) {
  const char* major = std::getenv("USAGE_INGEST_PG_MAJOR");
  ASSERT_NE(major, nullptr);
  EXPECT_EQ(Server()
                .Connect("postgres")
                .Value("SELECT current_setting('server_version_num')::integer / 10000"),
            major);
}

TEST(ServerVersionTest, MigratesAnEmptyDatabaseAndThatOfTheSeed) {
  Database empty = Create("empty");
  Database seed = Create("seed");
  seed.Execute(postgres::ReadTestData("seed/schema.sql"));
  postgres::Populate(seed, 3);
  for (const std::string name : {"empty", "seed"}) {
    Migrate(name);
    ExpectUsable(name);
    EXPECT_TRUE(postgres::Holds(Migrate(name), " 0 steps applied"));
  }
  EXPECT_EQ(seed.Number("SELECT count(*) FROM usage_ingest.key_history"), 24);
}

// PostgreSQL 17 lets a partitioned table have an access method, for its new partitions.
TEST(ServerVersionTest, NewPartitionHasTheAccessMethodOfItsParent) {
  Database database = Create("access_method");
  Migrate("access_method");
  database.Execute("CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler");
  const bool can_have_one =
      database.Number("SELECT current_setting('server_version_num')") >= 170000;
  if (can_have_one) database.Execute("ALTER TABLE usage_logs SET ACCESS METHOD other");
  database.Execute("SELECT usage_ingest.ensure_partition('2017-02-01')");
  EXPECT_EQ(database.Value("SELECT amname FROM pg_class JOIN pg_am AS m ON m.oid = relam "
                           "WHERE relname = 'usage_logs_2017_02'"),
            can_have_one ? "other" : "heap");
}

class LiteMaasOnServerTest : public ::testing::TestWithParam<postgres::LiteMaasRelease> {};

TEST_P(LiteMaasOnServerTest, IsMigratedAndStartsAgain) {
  const std::string name = "litemaas_" + std::to_string(GetParam().files.size());
  Database database = Create(name);
  postgres::StartLiteMaas(database, GetParam());
  postgres::Populate(database, 3);
  postgres::MigrateAndFix(Server().conninfo(name));
  ExpectUsable(name);
  postgres::StartLiteMaas(database, GetParam());
  ExpectUsable(name);
}

INSTANTIATE_TEST_SUITE_P(Releases, LiteMaasOnServerTest,
                         ::testing::ValuesIn(postgres::LiteMaasReleases()),
                         [](const auto& release) { return release.param.name; });

// -- the steps of a batch

// A copy of a migrated database, for one case.
std::string CreateWorld() {
  static const std::string migrated = [] {
    std::string name = "migrated";
    Server().CreateDatabase(name);
    Migrate(name);
    return name;
  }();
  static int worlds = 0;
  std::string name = "world" + std::to_string(++worlds);
  Server().Connect("postgres").Execute("CREATE DATABASE " + name + " TEMPLATE " + migrated);
  return name;
}

template <postgres::batch::ForeignKeys kForeignKeys>
std::unique_ptr<sim::StoreWorld> MakeWorld() {
  return std::make_unique<sim::PostgresWorld>(Server(), CreateWorld(), kForeignKeys);
}

}  // namespace

namespace sim {
namespace {

INSTANTIATE_TEST_SUITE_P(Fast, BatchStoreContractTest,
                         ::testing::Values(&MakeWorld<postgres::batch::ForeignKeys::kBatch>));
INSTANTIATE_TEST_SUITE_P(Slow, BatchStoreContractTest,
                         ::testing::Values(&MakeWorld<postgres::batch::ForeignKeys::kConstraints>));

}  // namespace
}  // namespace sim

namespace support {
namespace {

class EndToEndOnServerTest : public PipelineTest {};

TEST_F(EndToEndOnServerTest, GeneratedEventsBalance) {
  GeneratedLoad load({.events = 5'000}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  load.PublishAll(producer);
  DaemonProcess daemon(SmallBatches());
  daemon.StartAndWait();
  ExpectTotalsMatch(load.Expected(producer));
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
}

}  // namespace
}  // namespace support
}  // namespace usage_ingest
