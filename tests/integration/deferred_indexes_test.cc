// Deferred indexes end to end: `partitions index` runs, and is killed, beside a daemon that writes.
#include <gtest/gtest.h>

#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class DeferredIndexesEndToEndTest : public PipelineTest {
 protected:
  static constexpr std::uint64_t kEvents = 6'000;

  void SetUp() override {
    PipelineTest::SetUp();
    EXPECT_EQ(Owner().Run({"migrate"}).exit_code, 0);
  }
  [[nodiscard]] DaemonOptions Deferred(DaemonOptions options) const {
    options.settings["partitions"] = {{"by", "\"day\""}, {"indexes", "\"deferred\""}};
    return options;
  }
  [[nodiscard]] DaemonOptions AsOwner() const {
    DaemonOptions options = Deferred(DaemonDefaults());
    options.conninfo = postgres_.conninfo(kDatabase, kOwnerRole);
    return options;
  }
  [[nodiscard]] DaemonProcess Owner() const { return DaemonProcess(AsOwner()); }
  std::int64_t Indexes(const std::string& state) {
    return database_.Number(
        "SELECT count(*) FROM usage_ingest.partition_indexes WHERE to_time < now() AND state = $1",
        {state});
  }
};

TEST_F(DeferredIndexesEndToEndTest, BuildsBesideTheDaemonLoseNothing) {
  GeneratedLoad load({.events = kEvents, .days_ago = 400, .span_days = 3}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  DaemonProcess daemon(Deferred(SmallBatches()));
  daemon.Start();
  load.Publish(producer, kEvents / 2);
  ASSERT_TRUE(WaitForRows(static_cast<std::int64_t>(kEvents / 4))) << daemon.log();
  const std::int64_t waiting = Indexes("missing");
  EXPECT_GE(waiting, 10);
  EXPECT_TRUE(WaitUntil(After(60s), [&] {
    return daemon.Metric("usage_ingest_partitions_waiting_for_indexes") >= 2;
  })) << daemon.log();

  const CommandResult list = daemon.Run({"partitions", "list"});
  EXPECT_NE(list.output.find("0 of 5"), std::string::npos) << list.output << list.errors;

  // A job that is killed in the first build, which waits for a writer that does not commit.
  Database writer = Connect();
  writer.Execute("BEGIN; LOCK TABLE " +
                 database_.Value("SELECT partition FROM usage_ingest.partition_indexes WHERE "
                                 "state = 'missing' AND to_time < now() ORDER BY from_time DESC "
                                 "LIMIT 1") +
                 " IN ROW EXCLUSIVE MODE");
  DaemonProcess job(AsOwner());
  job.Start({"partitions", "index"});
  ASSERT_TRUE(WaitUntil(After(30s), [&] { return Indexes("building") == 1; })) << job.log();
  job.Kill();
  database_.Execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE "
      "'CREATE INDEX CONCURRENTLY%'");
  ASSERT_TRUE(WaitUntil(After(30s), [&] { return Indexes("invalid") == 1; }));
  writer.Execute("ROLLBACK");

  // The rest are late events: they come while indexes are built, and after.
  job.Start({"partitions", "index"});
  load.PublishAll(producer);
  EXPECT_EQ(job.WaitExit(60s), 0) << job.log();
  ExpectTotalsMatch(load.Expected(producer));
  EXPECT_EQ(job.Run({"partitions", "index"}).exit_code, 0);
  EXPECT_EQ(Indexes("valid"),
            database_.Number("SELECT count(*) FROM usage_ingest.partition_indexes "
                             "WHERE to_time < now()"));
  EXPECT_TRUE(WaitUntil(After(60s), [&] {
    return daemon.Metric("usage_ingest_partitions_waiting_for_indexes") == 0 &&
           daemon.Metric("usage_ingest_indexes_built") >= static_cast<double>(waiting);
  })) << daemon.log();

  const CommandResult verified = daemon.Run({"summaries", "verify"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  // An index of another program: the daemon tells it, and goes on.
  ConnectAsOwner().Execute("CREATE INDEX idx_usage_logs_key ON usage_logs(api_key_id)");
  EXPECT_TRUE(WaitUntil(After(60s), [&] {
    return daemon.Metric("usage_ingest_indexes_not_deferred") == 1;
  })) << daemon.log();
  EXPECT_NE(daemon.log().find("not deferred"), std::string::npos);
  EXPECT_EQ(job.Run({"migrate"}).exit_code, 0);
  EXPECT_TRUE(WaitUntil(After(60s), [&] {
    return daemon.Metric("usage_ingest_indexes_not_deferred") == 0;
  })) << daemon.log();
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
}

TEST_F(DeferredIndexesEndToEndTest, IndexThatCannotBeBuiltIsInTheExitStatus) {
  Database owner = ConnectAsOwner();
  owner.Execute("SELECT usage_ingest.ensure_partition('2017-03-01')");
  owner.Execute(
      "CREATE FUNCTION fails(UUID) RETURNS INT LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RAISE "
      "disk_full; END'; CREATE INDEX a_fails ON usage_logs_deferred_indexes (fails(id))");
  GeneratedLoad load({.events = 1}, kTopic);
  Install(load);
  owner.Execute(
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
      "created_at) SELECT id, model_id, 1, 1, '2017-03-01' FROM subscriptions LIMIT 1");
  const CommandResult built = Owner().Run({"partitions", "index"});
  EXPECT_EQ(built.exit_code, 69) << built.output << built.errors;
  EXPECT_NE(built.output.find("(model_id)  built"), std::string::npos) << built.output;
  EXPECT_NE(built.errors.find("could not be built"), std::string::npos) << built.errors;
  EXPECT_EQ(owner.Number("SELECT count(*) FROM usage_ingest.partition_indexes WHERE state = "
                         "'valid' AND partition = 'public.usage_logs_2017_03_01'"),
            5);
}

}  // namespace
}  // namespace usage_ingest::support
