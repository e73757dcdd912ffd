// Events into a distributed usage_logs: each is counted once, whatever dies.
#include <gtest/gtest.h>

#include "tests/citus/citus_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class CitusIngestTest : public CitusTest {
 protected:
  CitusIngestTest() : CitusTest({.events = 12'000, .duplicate_share = 0.06}) {}

  // Some of the load, and until some of it is stored.
  void PublishSome() {
    const std::int64_t before = RowCount();
    load_.Publish(*producer_, 500);
    ASSERT_TRUE(WaitForRows(before + 100, 90s)) << daemon_->log();
  }
  // What a worker prepared is there when the tables are compared.
  void ExpectRecoversOnAllNodes() {
    load_.PublishAll(*producer_);
    const ExpectedTotals expected = load_.Expected(*producer_);
    EXPECT_TRUE(WaitUntil(After(120s), [&] {
      return Totals::CaughtUp(database_, expected, kafka_.admin());
    })) << daemon_->log();
    EXPECT_TRUE(WaitForPrepared());
    ExpectRecovers();
  }
};

TEST_F(CitusIngestTest, DuplicatesAreCountedOnce) {
  StartInTheMiddle();
  load_.PublishAll(*producer_);
  totals_->ExpectMatch(database_, kafka_.admin(), load_.Expected(*producer_));
  const std::int64_t rows = RowCount();
  // The process remembers recent ids, and the next one does not: they meet in COPY.
  daemon_->Kill();
  load_.Repeat(*producer_, 0, 3'000);
  daemon_->StartAndWait();
  ExpectTotalsMatch({.records = producer_->delivered()});
  EXPECT_EQ(RowCount(), rows);
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
}

// The rows of the old subscription are found, because the id does not depend on whose usage it is.
TEST_F(CitusIngestTest, EventsOfASubscriptionThatWasReplacedAreCountedOnce) {
  StartInTheMiddle();
  load_.PublishAll(*producer_);
  totals_->ExpectMatch(database_, kafka_.admin(), load_.Expected(*producer_));
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  const std::int64_t rows = RowCount();
  database_.Execute(
      "UPDATE subscriptions SET status = 'cancelled';"
      "INSERT INTO subscriptions (user_id, model_id, status, quota_requests, quota_tokens) "
      "SELECT user_id, model_id, 'active', quota_requests, quota_tokens FROM subscriptions");
  MustAsOwner({"replay", "--topic", kTopic, "--from-offset", "0", "--to-offset", "1000000"});
  EXPECT_EQ(RowCount(), rows);
  MustAsOwner({"summaries", "verify"});
}

TEST_F(CitusIngestTest, TheDaemonIsKilled) {
  StartInTheMiddle();
  for (int round = 0; round < 3; ++round) {
    PublishSome();
    daemon_->Kill();
    daemon_->Start();
  }
  ExpectRecoversOnAllNodes();
}

TEST_F(CitusIngestTest, AWorkerIsKilled) {
  StartInTheMiddle();
  for (PostgresCluster& worker : workers_) {
    PublishSome();
    worker.Kill();
    load_.Publish(*producer_, 200);
    worker.Start();
  }
  ExpectRecoversOnAllNodes();
}

TEST_F(CitusIngestTest, TheCoordinatorIsKilled) {
  StartInTheMiddle();
  for (int round = 0; round < 2; ++round) {
    PublishSome();
    postgres_.Kill();
    load_.Publish(*producer_, 200);
    postgres_.Start();
  }
  ExpectRecoversOnAllNodes();
}

// The month of the daemon's rows loses its table while it runs: a worker refuses the next rows.
TEST_F(CitusIngestTest, AMonthThatWasDetachedIsMadeAgain) {
  StartInTheMiddle();
  ASSERT_TRUE(WaitForRows(static_cast<std::int64_t>(Events()) / 2)) << daemon_->log();
  for (const Row& row : database_.Query("SELECT inhrelid::regclass FROM pg_inherits "
                                        "WHERE inhparent = 'usage_logs'::regclass")) {
    database_.Execute("ALTER TABLE usage_logs DETACH PARTITION " + *row[0]);
    database_.Execute("ALTER TABLE " + *row[0] + " RENAME TO detached_" + *row[0]);
  }
  load_.PublishAll(*producer_);
  const ExpectedTotals expected = load_.Expected(*producer_);
  EXPECT_TRUE(WaitUntil(After(120s), [&] {
    return Totals::CaughtUp(database_, expected, kafka_.admin());
  })) << daemon_->log();
  const std::string columns = database_.Value(
      "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = "
      "'usage_logs'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''");
  for (const Row& row : database_.Query("SELECT oid::regclass FROM pg_class WHERE relname LIKE "
                                        "'detached_%' AND relkind = 'r'")) {
    database_.Execute("INSERT INTO usage_logs (" + columns + ") SELECT " + columns + " FROM " +
                      *row[0]);
  }
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_ingest.dead_letters "
                             "WHERE reason LIKE '%rejected%'"),
            0);
  ExpectTotalsMatch(expected);
}

class CitusLateEventsTest : public CitusTest {
 protected:
  CitusLateEventsTest() : CitusTest({.events = 3'000, .days_ago = 400}) {}
};

TEST_F(CitusLateEventsTest, AMonthNeverSeenGetsItsPartition) {
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->Start();
  ExpectRecovers();
}

}  // namespace
}  // namespace usage_ingest::support
