// The running daemon makes the months ahead and reports how long they last. No Kafka is needed: the
// daemon waits for its broker and does this work at the same time.
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/support/daemon_process.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;

class HousekeepingTest : public PostgresTest {
 protected:
  support::DaemonOptions OptionsOf(const std::string& months_ahead) {
    CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
    return {.brokers = "127.0.0.1:1",
            .conninfo = postgres_.conninfo("litemaas", "ingest"),
            .settings = {{"partitions", {{"months_ahead", months_ahead}}}}};
  }
};

// ATTACH locks LiteMaaS' tables: seven in one transaction would be held seven times as long.
TEST_F(HousekeepingTest, MonthsAheadAreMadeEachInItsOwnTransaction) {
  Database database = CreateMigrated("litemaas");
  const std::string ahead =
      "(SELECT name FROM usage_ingest.partitions_of_usage_logs() WHERE from_time > now())";
  database.Execute("DO $$ DECLARE part TEXT; BEGIN FOR part IN " +
                   ahead.substr(1, ahead.size() - 2) +
                   " LOOP EXECUTE 'DROP TABLE ' || part; END LOOP; END $$");
  support::DaemonProcess daemon(OptionsOf("7"));
  daemon.Start();
  ASSERT_TRUE(support::WaitUntil(support::After(30s), [&] {
    return database.Lines("SELECT * FROM " + ahead + " AS a").size() == 7;
  })) << daemon.log();
  EXPECT_EQ(database.Number("SELECT count(DISTINCT i.xmin::text) FROM pg_inherits AS i JOIN " +
                            ahead + " AS a ON i.inhrelid = a.name::regclass"),
            7);
}

// A usage_logs that was not partitioned became one without a beginning.
TEST_F(HousekeepingTest, RunwayCountsThePartitionThatBeginsAtMinvalue) {
  Database database = CreateFilledWithPlainUsage("litemaas");
  Populate(database, 1);
  database.Execute(
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens) SELECT "
      "id, model_id, 1, 1 FROM subscriptions");
  MustMigrate("litemaas");
  ASSERT_EQ(database.Number("SELECT count(*) FROM usage_ingest.partitions_of_usage_logs() WHERE "
                            "from_time = '-infinity' AND to_time > now()"),
            1);
  support::DaemonProcess daemon(OptionsOf("3"));
  daemon.Start();
  EXPECT_TRUE(support::WaitUntil(support::After(30s), [&] {
    return daemon.Get("/metrics").status == 200 &&
           daemon.Metric("usage_ingest_partition_runway_seconds") > 3 * 28 * 86'400.0;
  })) << daemon.Get("/metrics").body;
}

}  // namespace
}  // namespace usage_ingest::postgres
