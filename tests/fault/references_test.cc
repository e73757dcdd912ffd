// The owner of an event changes while the event is processed, and months without a partition come.
#include <gtest/gtest.h>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class ReferencesTest : public FaultTest {
 protected:
  ReferencesTest() : FaultTest({}, {.events = 6'000, .duplicate_share = 0, .odd_share = 0}) {}

  void StartAndIngest(std::uint64_t events) {
    load_.Publish(*producer_, events);
    daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
    daemon_->StartAndWait();
    WaitUntilIngested();
  }
  void WaitUntilIngested() {
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
    })) << daemon_->log();
  }

  // The daemon has attributed rows to what `sql` deletes and waits for its lock; then it is gone.
  void DeleteUnderneath(const std::string& sql) {
    Database litemaas = ConnectAsOwner();
    litemaas.Execute("BEGIN");
    litemaas.Execute(sql);
    load_.PublishAll(*producer_);
    const std::int64_t before = RowCount();
    ASSERT_TRUE(
        WaitUntil(After(30s),
                  [&] {
                    return database_.Number(
                               "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = "
                               "'Lock' AND application_name LIKE 'usage-ingestd/%'") > 0;
                  }))
        << "the daemon never met the lock, rows " << before;
    litemaas.Execute("COMMIT");
    WaitUntilIngested();
  }
  static constexpr char kMostUsed[] =
      "(SELECT subscription_id FROM usage_logs GROUP BY 1 ORDER BY count(*) DESC LIMIT 1)";
};

TEST_F(ReferencesTest, EventsOfASubscriptionDeletedBeforeCopyAreAttributedAgain) {
  StartAndIngest(3'000);
  const std::string gone = database_.Value(std::string("SELECT ") + kMostUsed);
  DeleteUnderneath("DELETE FROM subscriptions WHERE id = '" + gone + "'");
  const ExpectedTotals expected = load_.Expected(*producer_);
  Totals::ExpectOffsetsAccountFor(database_, {.records = expected.records});
  // Its rows went by ON DELETE CASCADE; what came after it is set aside, and no orphan is left.
  EXPECT_GT(database_.Number("SELECT count(*) FROM usage_ingest.dead_letters "
                             "WHERE reason = 'unattributed'"),
            0);
  for (const char* table : {"usage_logs", "usage_summaries"}) {
    EXPECT_EQ(database_.Number(std::string("SELECT count(*) FROM ") + table +
                               " l WHERE NOT EXISTS (SELECT FROM subscriptions s "
                               "WHERE s.id = l.subscription_id)"),
              0);
  }
  Totals::ExpectSummariesExact(database_);
}

TEST_F(ReferencesTest, AnApiKeyDeletedBetweenAttributionAndCopyBecomesNull) {
  StartAndIngest(3'000);
  const std::string gone = database_.Value(
      "SELECT api_key_id FROM usage_logs GROUP BY 1 ORDER BY count(*) DESC LIMIT 1");
  DeleteUnderneath("DELETE FROM api_keys WHERE id = '" + gone + "'");
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_logs WHERE api_key_id = $1", {gone}), 0);
  Totals::ExpectOffsetsAccountFor(database_, {.records = load_.Expected(*producer_).records});
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
}

TEST_F(ReferencesTest, ATeamDeletedBetweenAttributionAndCopyBecomesNull) {
  StartAndIngest(3'000);
  const std::string gone = database_.Value(
      "SELECT team_id FROM usage_logs WHERE team_id IS NOT NULL "
      "GROUP BY 1 ORDER BY count(*) DESC LIMIT 1");
  DeleteUnderneath("DELETE FROM teams WHERE id = '" + gone + "'");
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_logs WHERE team_id = $1", {gone}), 0);
  ExpectedTotals expected = load_.Expected(*producer_);
  Totals::ExpectOffsetsAccountFor(database_, expected);
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
}

// A key that LiteMaaS syncs late heals by itself: its dead letters become rows.
TEST_F(ReferencesTest, DeadLettersOfAUserSyncedLateAreRetried) {
  database_.Execute("CREATE TABLE kept_subscriptions AS SELECT * FROM subscriptions");
  database_.Execute("DELETE FROM subscriptions");
  StartAndIngest(2'000);
  EXPECT_EQ(RowCount(), 0);
  // Failures without tokens are skipped for good while their user is unknown.
  const std::int64_t waiting = database_.Number(
      "SELECT count(*) FROM usage_ingest.dead_letters "
      "WHERE reason = 'unattributed' AND state = 'pending'");
  ASSERT_GT(waiting, 1'800);
  database_.Execute("INSERT INTO subscriptions SELECT * FROM kept_subscriptions");
  EXPECT_TRUE(WaitForRows(waiting)) << daemon_->log();
  load_.PublishAll(*producer_);
  WaitUntilIngested();
  // A lane may have used cached answers from before the users came. Those letters heal, too.
  const std::int64_t letters = database_.Number("SELECT count(*) FROM usage_ingest.dead_letters");
  EXPECT_TRUE(WaitUntil(After(60s), [&] {
    return database_.Number(
               "SELECT count(*) FROM usage_ingest.dead_letters "
               "WHERE state = 'resolved'") == letters;
  })) << daemon_->log();
  totals_->ExpectMatch(
      database_, kafka_.admin(),
      {.records = producer_->delivered(),
       .inserted = *load_.Expected(*producer_).inserted - 2'000 - (letters - waiting),
       .dead_lettered = letters,
       .skipped = 2'000 - waiting,
       .rows_from_elsewhere = letters});
}

TEST_F(ReferencesTest, ADroppedPartitionIsMadeAgain) {
  for (const Row& table : database_.Query("SELECT inhrelid::regclass FROM pg_inherits "
                                          "WHERE inhparent = 'usage_logs'::regclass")) {
    database_.Execute("DROP TABLE " + *table[0]);
  }
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->Start();
  ExpectRecovers();
}

class OldEventsTest : public FaultTest {
 protected:
  OldEventsTest() : FaultTest({}, {.events = 3'000, .days_ago = 400}) {}
};

TEST_F(OldEventsTest, AMonthNeverSeenGetsItsPartition) {
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->Start();
  ExpectRecovers();
}

}  // namespace
}  // namespace usage_ingest::support
