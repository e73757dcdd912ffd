// LiteMaaS and its operators work on the same tables while we ingest. Their statements never fail
// because of the daemon, and no event is lost because of them.
#include <gtest/gtest.h>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class ContentionTest : public FaultTest {
 protected:
  explicit ContentionTest(const PostgresOptions& postgres = {.fsync = false})
      : FaultTest({.postgres = postgres, .partitions = 8}, {.events = 20'000}) {}

  // The daemon meets the lock, gives up and tries again, at least that often.
  void ExpectTriesAgain(int times) {
    const auto errors = [&] {
      return daemon_->Metric("usage_ingest_postgres_errors_total", {"class=\"transient\""});
    };
    const double before = errors();
    // What was published before the lock was there may all be in by now.
    load_.Publish(*producer_, 1'000);
    EXPECT_TRUE(WaitUntil(After(60s), [&] { return errors() >= before + times; }))
        << daemon_->log();
  }
};

TEST_F(ContentionTest, ALockHeldByDdlIsWaitedFor) {
  StartInTheMiddle();
  Database operator_session = ConnectAsOwner();
  operator_session.Execute("BEGIN");
  operator_session.Execute("LOCK TABLE usage_logs IN ACCESS EXCLUSIVE MODE");
  const std::int64_t before = operator_session.Number("SELECT count(*) FROM usage_logs");
  ExpectTriesAgain(5);
  EXPECT_EQ(operator_session.Number("SELECT count(*) FROM usage_logs"), before);
  operator_session.Execute("ROLLBACK");
  ExpectRecovers();
}

// The story: with 8 writers 19 batches met 26 lock timeouts, since all add to the same sums; each
// repeated its whole batch. Here each addition takes a while.
TEST_F(ContentionTest, ManyLanesAddTheirSumsInTurns) {
  database_.Execute(
      "CREATE FUNCTION take_a_while() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM "
      "pg_sleep(0.15); RETURN NULL; END $$; CREATE TRIGGER take_a_while AFTER UPDATE ON "
      "usage_summaries FOR EACH STATEMENT EXECUTE FUNCTION take_a_while()");
  load_.Publish(*producer_, 500);
  DaemonOptions options = SmallBatches();
  options.settings["postgres"]["writers"] = "8";
  options.settings["memory"]["budget"] = "\"1GiB\"";
  daemon_ = std::make_unique<DaemonProcess>(options);
  daemon_->StartAndWait();
  // The first events make partitions, and a lane that waits for another one then is refused.
  ASSERT_TRUE(WaitForRows(400)) << daemon_->log();
  const double before =
      daemon_->Metric("usage_ingest_postgres_errors_total", {"class=\"transient\""});
  load_.Publish(*producer_, 9'500);
  ASSERT_TRUE(WaitUntil(After(120s), [&] {
    return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
  })) << daemon_->log();
  EXPECT_EQ(daemon_->Metric("usage_ingest_postgres_errors_total", {"class=\"transient\""}), before)
      << daemon_->log();
  database_.Execute("DROP FUNCTION take_a_while CASCADE");
  ExpectRecovers();
}

// Without our short lock_timeout this failed 6 times of 7 with 40P01 (ARCHITECTURE.md).
TEST_F(ContentionTest, LiteMaasTouchesAllSubscriptionsAtFullSpeed) {
  StartInTheMiddle();
  Database litemaas = ConnectAsOwner();
  for (int round = 0; round < 20; ++round) {
    load_.Publish(*producer_, 100);
    // In the order of the heap, so never in ours.
    litemaas.Execute("UPDATE subscriptions SET quota_requests = quota_requests + 1");
  }
  oracle_.reset();  // the quotas are no longer those that it copied
  load_.PublishAll(*producer_);
  totals_->ExpectMatch(database_, kafka_.admin(), load_.Expected(*producer_));
  EXPECT_EQ(postgres_.log().find("deadlock detected"), std::string::npos);
}

// A reset loses no increment: what is counted after it is exactly what was inserted after it.
TEST_F(ContentionTest, LiteMaasResetsAllQuotasWhileWeIngest) {
  StartInTheMiddle();
  Database litemaas = ConnectAsOwner();
  std::int64_t taken_requests = 0;
  std::int64_t taken_tokens = 0;
  for (int round = 0; round < 10; ++round) {
    load_.Publish(*producer_, 200);
    const std::vector<Row> taken = litemaas.Query(
        "WITH before AS (SELECT id, used_requests, used_tokens FROM subscriptions FOR UPDATE), "
        "reset AS (UPDATE subscriptions s SET used_requests = 0, used_tokens = 0 "
        "FROM before WHERE before.id = s.id RETURNING before.used_requests, before.used_tokens) "
        "SELECT sum(used_requests), sum(used_tokens) FROM reset");
    taken_requests += std::stoll(*taken[0][0]);
    taken_tokens += std::stoll(*taken[0][1]);
  }
  load_.PublishAll(*producer_);
  const ExpectedTotals expected = load_.Expected(*producer_);
  ASSERT_TRUE(WaitUntil(After(120s),
                        [&] { return Totals::CaughtUp(database_, expected, kafka_.admin()); }));
  Totals::ExpectOffsetsAccountFor(database_, expected);
  Totals::ExpectSummariesExact(database_);
  EXPECT_EQ(taken_requests + database_.Number("SELECT sum(used_requests) FROM subscriptions"),
            load_.expectation().total().requests);
  EXPECT_EQ(
      taken_tokens + database_.Number("SELECT sum(used_tokens) FROM subscriptions"),
      load_.expectation().total().request_tokens + load_.expectation().total().response_tokens);
}

// Its lane waits, and holds nothing while it waits between two tries.
TEST_F(ContentionTest, WaitsForALongTransactionOfAnotherSession) {
  StartInTheMiddle();
  Database litemaas = ConnectAsOwner();
  litemaas.Execute("BEGIN");
  litemaas.Execute(
      "UPDATE subscriptions SET quota_requests = quota_requests WHERE id = "
      "(SELECT subscription_id FROM usage_logs GROUP BY 1 ORDER BY count(*) DESC LIMIT 1)");
  ExpectTriesAgain(3);
  EXPECT_EQ(daemon_->Get("/healthz").status, 200);
  EXPECT_TRUE(WaitUntil(After(20s), [&] {
    return database_.Number(
               "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND "
               "application_name LIKE 'usage-ingestd/%'") == 0;
  })) << daemon_->log();
  litemaas.Execute("COMMIT");
  ExpectRecovers();
}

// The daemon locks the row of kafka_offsets first: another session that holds it blocks the
// partition.
TEST_F(ContentionTest, WaitsForAnOffsetsRowLockedByAnotherSession) {
  StartInTheMiddle();
  Database other = postgres_.Connect(kDatabase);
  other.Execute("BEGIN");
  other.Execute("SELECT * FROM usage_ingest.kafka_offsets FOR UPDATE");
  ExpectTriesAgain(10);
  // Not ours (another role): it must not have been ended.
  EXPECT_EQ(other.Number("SELECT 1"), 1);
  other.Execute("ROLLBACK");
  ExpectRecovers();
}

// Who waits looks for a cycle once, after deadlock_timeout: here before our lock_timeout ends it.
class DeadlockTest : public ContentionTest {
 protected:
  DeadlockTest() : ContentionTest({.fsync = false, .settings = {{"deadlock_timeout", "200ms"}}}) {}

  [[nodiscard]] bool DaemonWaits() {
    return database_.Number(
               "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
               "application_name LIKE 'usage-ingestd/%'") > 0;
  }
};

// 40P01
TEST_F(DeadlockTest, TheVictimRetries) {
  StartInTheMiddle();
  const std::string middle = database_.Value(
      "SELECT id FROM subscriptions ORDER BY id OFFSET (SELECT count(*) / 2 FROM subscriptions) "
      "LIMIT 1");
  Database other = postgres_.Connect(kDatabase);
  other.Execute("SET deadlock_timeout = '1h'");
  const auto was_victim = [&] {
    return postgres_.log().find("deadlock detected") != std::string::npos;
  };
  for (int round = 0; round < 10 && !was_victim(); ++round) {
    // The other way round than we lock, with us in between.
    other.Execute("BEGIN");
    other.Execute("SELECT id FROM subscriptions WHERE id > $1 FOR UPDATE", {middle});
    load_.Publish(*producer_, 200);
    ASSERT_TRUE(WaitUntil(After(30s), [&] { return DaemonWaits(); })) << daemon_->log();
    other.Execute("SELECT id FROM subscriptions WHERE id <= $1 FOR UPDATE", {middle});
    other.Execute("COMMIT");
  }
  EXPECT_TRUE(was_victim()) << daemon_->log();
  ExpectRecovers();
}

}  // namespace
}  // namespace usage_ingest::support
