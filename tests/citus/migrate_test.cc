// `migrate --citus`, the way back, and everything that they and the probe refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/citus/citus_fixture.h"
#include "tests/support/compare.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class CitusMigrateTest : public CitusTest {
 protected:
  CitusMigrateTest() : CitusTest({.events = 4'000}) {}

  // A cluster, and rows that are not distributed yet.
  void SetUp() override {
    FaultTest::SetUp();
    MakeCluster();
    load_.Publish(*producer_, 3'000);
    daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
    daemon_->Start();
    ASSERT_TRUE(WaitForRows(2'000)) << daemon_->log();
  }

  // Everything of usage_logs and its parents that the ways there and back touch.
  [[nodiscard]] std::vector<std::string> Catalogue() {
    return database_.Lines(
        "SELECT pg_get_constraintdef(oid), conname FROM pg_constraint "
        "WHERE conrelid = 'usage_logs'::regclass "
        "UNION ALL SELECT pg_get_triggerdef(oid), tgenabled::text FROM pg_trigger "
        "WHERE NOT tgisinternal "
        "UNION ALL SELECT indexdef, '' FROM pg_indexes WHERE tablename = 'usage_logs' "
        "UNION ALL SELECT inhrelid::regclass::text, '' FROM pg_inherits WHERE inhparent = "
        "'usage_logs'::regclass "
        "UNION ALL SELECT relowner::regrole::text, relacl::text FROM pg_class WHERE oid IN "
        "('usage_logs'::regclass, 'usage_statistics'::regclass)");
  }
  [[nodiscard]] bool IsDistributed() {
    return database_.Value("SELECT usage_ingest.rows_are_distributed()") == "t";
  }
  void ExpectRefuses(const std::vector<std::string>& parts) {
    const std::vector<std::string> before = Catalogue();
    const CommandResult refused = AsOwner({"migrate", "--citus"});
    EXPECT_NE(refused.exit_code, 0) << refused.output;
    for (const std::string& part : parts) EXPECT_THAT(refused.errors, HasSubstr(part));
    ExpectSameLines("catalogue after a refusal", before, Catalogue());
    EXPECT_FALSE(IsDistributed());
  }
  // check-config says it too.
  void ExpectFinding(const DaemonOptions& options, const std::string& part) {
    const CommandResult checked = DaemonProcess(options).Run({"check-config", "--connect"});
    EXPECT_EQ(checked.exit_code, 78) << checked.output;
    EXPECT_THAT(checked.output, HasSubstr(part));
  }
};

TEST_F(CitusMigrateTest, ThereAndBackBesideTheDaemon) {
  database_.Execute("CREATE ROLE reporter; GRANT SELECT ON usage_statistics TO reporter");
  const std::vector<std::string> before = Catalogue();
  const CommandResult plan = AsOwner({"migrate", "--citus", "--dry-run"});
  EXPECT_EQ(plan.exit_code, 0) << plan.errors;
  EXPECT_THAT(plan.output, HasSubstr("create_distributed_table('public.usage_logs', 'id')"));
  ExpectSameLines("catalogue after a dry run", before, Catalogue());

  MustAsOwner({"migrate", "--citus"});
  EXPECT_TRUE(IsDistributed());
  EXPECT_EQ(database_.Number("SELECT sum(pg_relation_size(inhrelid)) FROM pg_inherits "
                             "WHERE inhparent = 'usage_logs'::regclass"),
            0);
  const std::vector<std::string> distributed = Catalogue();
  MustAsOwner({"migrate", "--citus"});
  MustAsOwner({"migrate"});
  ExpectSameLines("catalogue after a second run", distributed, Catalogue());
  const CommandResult checked = DaemonProcess(DaemonDefaults()).Run({"check-config", "--connect"});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_THAT(checked.output, HasSubstr("usage_logs in Citus"));

  load_.Publish(*producer_, 500);
  ASSERT_TRUE(WaitForRows(3'000)) << daemon_->log();
  MustAsOwner({"migrate", "--no-citus"});
  MustAsOwner({"migrate", "--no-citus"});
  EXPECT_FALSE(IsDistributed());
  ExpectSameLines("catalogue after the way back", before, Catalogue());
  ExpectRecovers();
}

// The workers refuse the table in the second half of the work; then they do not.
TEST_F(CitusMigrateTest, IsContinuedWhereItFailed) {
  Database worker = workers_[1].Connect(kDatabase);
  worker.Execute("SET citus.enable_ddl_propagation = off; CREATE TABLE usage_logs (id int)");
  EXPECT_NE(AsOwner({"migrate", "--citus"}).exit_code, 0);
  EXPECT_FALSE(IsDistributed());
  worker.Execute("SET citus.enable_ddl_propagation = off; DROP TABLE usage_logs");
  MustAsOwner({"migrate", "--citus"});
  EXPECT_TRUE(IsDistributed());
  ExpectRecovers();
}

TEST_F(CitusMigrateTest, RefusesBeforeTheFirstChange) {
  database_.Execute(
      "CREATE TRIGGER other AFTER INSERT ON usage_logs FOR EACH ROW EXECUTE FUNCTION "
      "update_updated_at_column()");
  ExpectRefuses({"DROP TRIGGER other ON public.usage_logs"});
  database_.Execute("DROP TRIGGER other ON usage_logs");

  Reconfigure(workers_[0], "SET max_prepared_transactions = 7");
  ExpectRefuses({"2 writers and 4 shards need 8 prepared transactions", "permits 7"});
  Reconfigure(workers_[0], "RESET max_prepared_transactions");

  Reconfigure(workers_[1], "SET TimeZone = 'Asia/Tokyo'");
  ExpectRefuses({"TimeZone is not UTC"});
  Reconfigure(workers_[1], "RESET TimeZone");

  workers_[1].Stop(PostgresCluster::StopMode::kFast);
  ExpectRefuses({"worker 127.0.0.1:" + std::to_string(workers_[1].port())});
  workers_[1].Start();
  ExpectRecovers();
}

TEST_F(CitusMigrateTest, OtherTablesOfLiteMaasInCitusAreRefused) {
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  database_.Execute(
      "SELECT citus_add_local_table_to_metadata('subscriptions', "
      "cascade_via_foreign_keys => true)");
  const std::string fix =
      "SELECT undistribute_table('public.subscriptions', cascade_via_foreign_keys => true)";
  ExpectRefuses({fix});
  ExpectFinding(DaemonDefaults(), fix);
  database_.Execute(fix);
  MustAsOwner({"migrate", "--citus"});
  daemon_->Start();
  ExpectRecovers();
}

TEST_F(CitusMigrateTest, AWorkerIsNoPlaceForTheDaemon) {
  MustAsOwner({"migrate", "--citus"});
  DaemonOptions options = DaemonDefaults();
  options.conninfo = workers_[0].conninfo(kDatabase, kDaemonRole);
  const std::string coordinator = "host=127.0.0.1 port=" + std::to_string(postgres_.port());
  ExpectFinding(options, coordinator);
  options.conninfo = workers_[0].conninfo(kDatabase, kOwnerRole);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"migrate"}, {"migrate", "--citus"}}) {
    const CommandResult refused = DaemonProcess(options).Run(words);
    EXPECT_EQ(refused.exit_code, 78);
    EXPECT_THAT(refused.errors, HasSubstr(coordinator));
  }
  ExpectRecovers();
}

TEST_F(CitusMigrateTest, TheProbeCountsPreparedTransactions) {
  MustAsOwner({"migrate", "--citus"});
  Reconfigure(workers_[0], "SET max_prepared_transactions = 7");
  ExpectFinding(DaemonDefaults(), "2 writers and 4 shards need 8 prepared transactions");
  Reconfigure(workers_[0], "RESET max_prepared_transactions");
  ExpectRecovers();
}

TEST_F(CitusMigrateTest, DistributedByAnotherColumnIsRefused) {
  database_.Execute(
      "ALTER TABLE usage_logs DROP CONSTRAINT usage_logs_api_key_id_fkey, DROP CONSTRAINT "
      "usage_logs_team_id_fkey, DROP CONSTRAINT usage_logs_subscription_id_fkey, DROP CONSTRAINT "
      "usage_logs_pkey, ADD PRIMARY KEY (id, created_at, subscription_id);"
      "DROP TRIGGER update_usage_on_log ON usage_logs");
  database_.Execute("SELECT create_distributed_table('usage_logs', 'subscription_id')");
  ExpectFinding(DaemonDefaults(), "does not distribute it by id but by subscription_id");
}

}  // namespace
}  // namespace usage_ingest::support
