// What operators do with a distributed usage_logs: verify, rebuild, list, retain, delete.
#include <gtest/gtest.h>

#include "tests/citus/citus_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class CitusAdminTest : public CitusTest {
 protected:
  CitusAdminTest() : CitusTest({.events = 12'000}) {}

  // Citus shows the shards to its own sessions only.
  static Database ConnectToShards(const PostgresCluster& worker) {
    Database database = worker.Connect(kDatabase);
    database.Execute("SET citus.override_table_visibility TO off");
    return database;
  }
  [[nodiscard]] bool CaughtUp() {
    return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
  }
  void IngestAll() {
    StartInTheMiddle();
    load_.PublishAll(*producer_);
    ASSERT_TRUE(WaitUntil(After(120s), [this] { return CaughtUp(); })) << daemon_->log();
  }
};

// No snapshot spans nodes: without the lock, verify reports differences and rebuild adds them.
TEST_F(CitusAdminTest, VerifyAndRebuildBesideTheDaemon) {
  StartInTheMiddle();
  for (int run = 0; run < 5 && !HasFatalFailure(); ++run) {
    load_.Produce(*producer_, 200);
    MustAsOwner({"summaries", "verify"});
    MustAsOwner({"summaries", "rebuild"});
  }
  load_.PublishAll(*producer_);
  ExpectTotalsMatch(load_.Expected(*producer_));
}

// As a worker leaves it that died between PREPARE and COMMIT.
TEST_F(CitusAdminTest, VerifyWaitsForWhatAWorkerHasPrepared) {
  IngestAll();
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  database_.Execute("ALTER SYSTEM SET citus.recover_2pc_interval = '1h'");
  database_.Execute("SELECT pg_reload_conf()");
  ASSERT_TRUE(WaitForPrepared());
  Database worker = ConnectToShards(workers_[0]);
  const std::string shard = worker.Value(
      "SELECT c.oid::regclass FROM pg_class AS c WHERE relname ~ '^usage_logs_[0-9]+$' AND "
      "relkind = 'p' LIMIT 1");
  worker.Execute("BEGIN; DELETE FROM " + shard + "; PREPARE TRANSACTION 'citus_0_1_1_1'");

  DaemonOptions options = DaemonDefaults();
  DaemonProcess verify(options);
  verify.Start({"summaries", "verify"});
  EXPECT_TRUE(HoldsFor(3s, [&] { return verify.running(); })) << verify.log();
  worker.Execute("ROLLBACK PREPARED 'citus_0_1_1_1'");
  EXPECT_EQ(verify.WaitExit(60s), 0) << verify.log();
}

TEST_F(CitusAdminTest, ListShowsWhatIsOnTheWorkers) {
  IngestAll();
  const CommandResult list = AsOwner({"partitions", "list", "--json"});
  ASSERT_EQ(list.exit_code, 0) << list.errors;
  EXPECT_EQ(list.output.find("\"bytes\":0"), std::string::npos) << list.output;
  const CommandResult bundle = AsOwner({"support-bundle"});
  const std::size_t begin = bundle.output.find("-- partitions of usage_logs");
  const std::size_t end = bundle.output.find("-- indexes", begin);
  ASSERT_NE(end, std::string::npos) << bundle.output;
  const std::string partitions = bundle.output.substr(begin, end - begin);
  EXPECT_EQ(partitions.find(" 0 bytes"), std::string::npos) << partitions;
}

TEST_F(CitusAdminTest, RetainBesideTheDaemon) {
  database_.Execute("SELECT usage_ingest.ensure_partition('2020-01-01')");
  StartInTheMiddle();
  load_.PublishAll(*producer_);
  constexpr const char* kCount =
      "SELECT count(*) FROM pg_class WHERE relname ~ '^usage_logs_2020_01'";
  for (const PostgresCluster& worker : workers_) {
    EXPECT_GT(ConnectToShards(worker).Number(kCount), 0);
  }
  MustAsOwner({"partitions", "retain"});
  EXPECT_EQ(database_.Number(kCount), 0);
  for (const PostgresCluster& worker : workers_) {
    EXPECT_EQ(ConnectToShards(worker).Number(kCount), 0);
  }
  ExpectTotalsMatch(load_.Expected(*producer_));
}

// As their foreign keys say: rows go with a subscription, and forget their key and team.
TEST_F(CitusAdminTest, RowsFollowTheirParents) {
  IngestAll();
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  Database litemaas = ConnectAsOwner();
  const std::string subscription =
      database_.Value("SELECT subscription_id FROM usage_logs ORDER BY 1 LIMIT 1");
  const std::string key = database_.Value(
      "SELECT api_key_id FROM usage_logs WHERE api_key_id IS NOT NULL ORDER BY 1 DESC LIMIT 1");
  const std::int64_t others = database_.Number(
      "SELECT count(*) FROM usage_logs WHERE subscription_id <> $1::uuid", {subscription});
  litemaas.Execute("DELETE FROM subscriptions WHERE id = $1", {subscription});
  EXPECT_EQ(RowCount(), others);
  litemaas.Execute("DELETE FROM api_keys WHERE id = $1", {key});
  EXPECT_EQ(RowCount(), others);
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_logs WHERE api_key_id = $1::uuid", {key}),
            0);
  MustAsOwner({"summaries", "verify"});
}

// The analytics of LiteMaaS, and what notices rows that disappear.
TEST_F(CitusAdminTest, HousekeepingReadsTheRows) {
  ConnectAsOwner().Execute(
      ReadFile(std::string(USAGE_INGEST_TEST_DATA) + "/litemaas/analytics.sql"));
  IngestAll();
  EXPECT_NE(database_.Value("SELECT usage_ingest.fill_daily_usage_cache(NULL)"), "");
  EXPECT_EQ(database_.Number("SELECT (total_metrics->>'api_requests')::bigint FROM "
                             "daily_usage_cache ORDER BY date DESC LIMIT 1"),
            database_.Number("SELECT sum(request_count) FROM usage_summaries WHERE period_type = "
                             "'day' AND period_start = (SELECT max(period_start) FROM "
                             "usage_summaries WHERE period_type = 'day')"));
  EXPECT_EQ(daemon_->Metric("usage_ingest_sampled_rows_missing"), 0);
  database_.Execute("DELETE FROM usage_logs WHERE true");
  EXPECT_TRUE(WaitUntil(After(120s), [&] {
    return daemon_->Metric("usage_ingest_sampled_rows_missing") > 0;
  })) << daemon_->log();
}

}  // namespace
}  // namespace usage_ingest::support
