// Deferred indexes: a day is written with its key only, and gets the other indexes when it is over.
#include <thread>

#include "tests/integration/postgres/deferred_indexes_fixture.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;

class DeferredIndexesTest : public DeferredIndexesFixture {};

TEST_F(DeferredIndexesTest, SwitchingOnRebuildsNothingAndKeepsKeysAndTriggers) {
  const auto files = [&] {
    return database_->Lines(
        "SELECT relname, relfilenode FROM pg_class WHERE relkind = 'i' AND relname LIKE "
        "'usage\\_logs\\_2017%' ORDER BY 1");
  };
  const std::vector<std::string> files_before = files();
  const std::vector<std::string> before = KeysAndTriggers();
  // As a run leaves it that was killed.
  database_->Execute(
      "ALTER TABLE usage_logs_2017_02_03 ADD CONSTRAINT usage_ingest_bound CHECK (created_at < "
      "'2017-02-04' AND created_at >= '2017-02-03') NOT VALID");
  MustDefer();
  EXPECT_EQ(files(), files_before);
  EXPECT_EQ(KeysAndTriggers(), before);
  EXPECT_EQ(SecondaryIndexes("usage_logs"), 0);
  EXPECT_EQ(SecondaryIndexes(kPast), 5);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), 2);
  // Days that are not over have none, whether they were there or are made now.
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.partition_indexes WHERE to_time > "
                              "now() AND to_time - from_time <= '1 day' AND state <> 'missing'"),
            0);
  EXPECT_EQ(Ensure("2017-03-01"), "created");
  EXPECT_EQ(SecondaryIndexes("usage_logs_2017_03_01"), 0);
  // A second time there is nothing to do.
  const std::string attached =
      "SELECT string_agg(xmin::text, ' ' ORDER BY inhrelid) FROM pg_inherits";
  const std::string attached_before = database_->Value(attached);
  MustDefer();
  EXPECT_EQ(database_->Value(attached), attached_before);
}

TEST_F(DeferredIndexesTest, DayThatIsOverGetsItsIndexesOnce) {
  MustDefer();
  Ensure("2017-03-01");
  Log("2017-03-01 10:00+00");
  EXPECT_EQ(Count("usage_logs_2017_03_01", "missing"), 5);
  EXPECT_EQ(Build(), 5U);
  EXPECT_EQ(Count("usage_logs_2017_03_01", "valid"), 5);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.index_builds"), 5);
  EXPECT_EQ(Build(), 0U);
  // A late event finds them, and they find it.
  Log("2017-03-01 11:00+00");
  database_->Execute("SET enable_seqscan = off");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs WHERE created_at >= "
                              "'2017-03-01 10:30+00' AND created_at < '2017-03-02'"),
            1);
}

TEST_F(DeferredIndexesTest, NothingIsBuiltTooEarlyOrBeforeItIsDropped) {
  MustDefer();
  const std::string yesterday = database_->Value("SELECT (now() AT TIME ZONE 'UTC')::date - 1");
  ASSERT_EQ(Ensure(yesterday), "created");
  const auto count = [&](const batch::PartitionPlan& plan) {
    const auto built = TryBuild(plan);
    return built ? built->size() : 100;
  };
  EXPECT_EQ(count({.index_after = std::chrono::days(2)}), 0U);
  Ensure("2017-03-01");
  EXPECT_EQ(count({.index_after = std::chrono::days(2), .retention_days = 30}), 0U);
  EXPECT_EQ(count({.index_after = 0ms, .retention_days = 30}), 5U);  // yesterday
  EXPECT_EQ(count({.index_after = 0ms}), 5U);                        // 2017
}

// The server's session is killed: the client has no say in what stays.
TEST_F(DeferredIndexesTest, InvalidIndexOfAKilledBuildIsReplaced) {
  MustDefer();
  database_->Execute("DROP INDEX usage_logs_2017_02_03_model_id_idx");
  const auto writer = HoldBuilds();
  Result<std::vector<admin::BuiltIndex>> killed;
  {
    const std::jthread build([&] { killed = TryBuild(); });
    ASSERT_TRUE(WaitForBuild());
    const auto second = TryBuild();
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::kUnavailable) << second.error().context;
    database_->Execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
        "'CREATE INDEX CONCURRENTLY%'");
  }
  EXPECT_FALSE(killed);
  ASSERT_TRUE(
      support::WaitUntil(support::After(10s), [&] { return Count(kPast, "invalid") == 1; }));
  writer->Execute("ROLLBACK");
  EXPECT_EQ(Build(), 1U);
  EXPECT_EQ(Count(kPast, "valid"), 5);
  EXPECT_EQ(SecondaryIndexes(kPast), 5);
}

TEST_F(DeferredIndexesTest, RetentionOfADayWhoseIndexIsBuiltWaitsForIt) {
  MustDefer();
  database_->Execute(
      "DROP INDEX usage_logs_2017_02_03_model_id_idx; DROP INDEX "
      "usage_logs_2017_02_03_team_id_idx");
  auto writer = HoldBuilds();
  Result<std::vector<admin::BuiltIndex>> built;
  std::vector<admin::RetainedPartition> gone;
  {
    const std::jthread build([&] { built = TryBuild(); });
    ASSERT_TRUE(WaitForBuild());
    const std::jthread retain([&] { gone = Retain({.plan = {.retention_days = 100}}); });
    EXPECT_TRUE(support::HoldsFor(500ms, [&] { return Bounds("2017").size() == 2; }));
    writer->Execute("ROLLBACK");
  }
  EXPECT_TRUE(built) << built.error().context;
  EXPECT_GE(gone.size(), 2U);
  EXPECT_TRUE(Bounds("2017").empty());
  EXPECT_EQ(Build(), 0U);
}

// LiteMaaS creates the indexes that it needs at each start, if there is none of their names.
TEST_F(DeferredIndexesTest, IndexesOfLiteMaasStayDeferred) {
  MustDefer();
  database_->Execute(
      "CREATE INDEX IF NOT EXISTS idx_usage_logs_subscription ON usage_logs(subscription_id);"
      "CREATE INDEX IF NOT EXISTS idx_usage_logs_created ON usage_logs(created_at);"
      "CREATE INDEX IF NOT EXISTS idx_usage_logs_model ON usage_logs(model_id);"
      "CREATE INDEX IF NOT EXISTS idx_usage_logs_team ON usage_logs(team_id);"
      "CREATE INDEX IF NOT EXISTS idx_usage_logs_litellm ON usage_logs(litellm_request_id)");
  EXPECT_EQ(SecondaryIndexes("usage_logs"), 0);
  EXPECT_TRUE(Probe("litemaas").findings.empty());
  // Of another name: it works, is noticed, and the next migrate defers it too.
  database_->Execute("CREATE INDEX idx_usage_logs_key ON usage_logs(api_key_id)");
  database_->Execute("CREATE INDEX idx_usage_logs_subscription_id ON usage_logs(subscription_id)");
  const auto findings = Probe("litemaas").findings;
  ASSERT_EQ(findings.size(), 2U);
  EXPECT_EQ(findings[0].severity, probe::Severity::kWarning);
  EXPECT_TRUE(Holds(findings[0].where, "idx_usage_logs_key"));
  Log("2017-02-03 10:00+00");
  MustDefer();
  EXPECT_EQ(SecondaryIndexes("usage_logs"), 0);
  EXPECT_EQ(SecondaryIndexes("usage_logs_deferred_indexes"), 7);
  // That of LiteMaaS had adopted the index of the same column; on the way back each needs its own.
  EXPECT_EQ(Count(kPast, "valid"), 6);
  EXPECT_EQ(Build(), 2U);
  EXPECT_EQ(Count(kPast, "valid"), 7);
  EXPECT_TRUE(Probe("litemaas").findings.empty());
}

TEST_F(DeferredIndexesTest, OneCommandBringsTheSameCatalogueBack) {
  const std::vector<std::string> catalogue = CatalogueLines(*database_);
  const std::vector<std::string> indexes = Indexes();
  MustDefer();
  EXPECT_NE(Indexes(), indexes);
  const MigrateOutcome outcome = Switch(IndexTime::kImmediate);
  ASSERT_TRUE(outcome.result) << outcome.result.error().context;
  EXPECT_EQ(CatalogueLines(*database_), catalogue);
  EXPECT_EQ(Indexes(), indexes);
  Ensure("2017-03-01");
  EXPECT_EQ(SecondaryIndexes("usage_logs_2017_03_01"), 5);
}

// What the way back left when it was killed is built by the next run.
TEST_F(DeferredIndexesTest, WayBackGoesOnAfterAKill) {
  MustDefer();
  Ensure("2017-03-01");
  database_->Execute("DROP INDEX usage_logs_2017_02_03_model_id_idx");
  const auto writer = HoldBuilds();
  MigrateOutcome killed;
  {
    const std::jthread migrate([&] { killed = Switch(IndexTime::kImmediate); });
    ASSERT_TRUE(WaitForBuild());
    database_->Execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
        "'CREATE INDEX CONCURRENTLY%'");
  }
  EXPECT_FALSE(killed.result);
  writer->Execute("ROLLBACK");
  const MigrateOutcome outcome = Switch(IndexTime::kImmediate);
  ASSERT_TRUE(outcome.result) << outcome.result.error().context;
  EXPECT_EQ(SecondaryIndexes("usage_logs"), 5);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.partition_indexes WHERE state <> "
                              "'valid'"),
            0);
}

TEST_F(DeferredIndexesTest, DeletesReachRowsWithoutIndexes) {
  MustDefer();
  Ensure("2017-03-01");
  Log("2017-03-01 10:00+00");
  database_->Execute("UPDATE usage_logs SET api_key_id = (SELECT id FROM api_keys LIMIT 1)");
  database_->Execute("DELETE FROM api_keys");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs WHERE api_key_id IS NULL"), 3);
  database_->Execute("DELETE FROM users");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), 0);
}

TEST_F(DeferredIndexesTest, DryRunSaysWhatItWouldDoBeforeAndAfterTheFirstMigrate) {
  const migrate::MigrateOptions options{
      .dry_run = true, .partitions = {.by = PartitionUnit::kDay, .indexes = IndexTime::kDeferred}};
  const MigrateOutcome outcome = Migrate("litemaas", options);
  ASSERT_TRUE(outcome.result) << outcome.result.error().context;
  EXPECT_TRUE(Holds(outcome.output, "DETACH PARTITION public.usage_logs_2017_02_03;"));
  EXPECT_EQ(SecondaryIndexes("usage_logs"), 5);
  Create("empty");
  EXPECT_TRUE(Migrate("empty", options).result);
}

TEST_F(DeferredIndexesTest, DefaultPartitionIsRefusedBeforeAnythingChanges) {
  database_->Execute("CREATE TABLE rest PARTITION OF usage_logs DEFAULT");
  const MigrateOutcome outcome = Switch(IndexTime::kDeferred);
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(Holds(outcome.result.error().context, "rest is a DEFAULT partition"));
  EXPECT_EQ(SecondaryIndexes("usage_logs"), 5);
}

}  // namespace
}  // namespace usage_ingest::postgres
