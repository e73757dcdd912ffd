// The running daemon makes the months ahead and reports how long they last. No Kafka is needed: the
// daemon waits for its broker and does this work at the same time.
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/support/pipeline/daemon_process.h"
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

TEST_F(HousekeepingTest, DaysAheadAreMade) {
  Database database = CreateMigrated("litemaas");
  database.Execute("UPDATE usage_ingest.partitioning SET unit = 'day'");
  support::DaemonOptions options = OptionsOf("0");
  options.settings["partitions"]["days_ahead"] = "150";  // beyond the months that migrate made
  support::DaemonProcess daemon(options);
  daemon.Start();
  EXPECT_TRUE(support::WaitUntil(support::After(30s), [&] {
    return database.Number(
               "SELECT count(*) FROM usage_ingest.partitions_of_usage_logs() WHERE to_time = "
               "(date_trunc('day', now(), 'UTC') + interval '151 days') AND to_time - from_time = "
               "interval '1 day'") == 1;
  })) << daemon.log();
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

// 200,000 letters wait, each of another key and user. The story: each change of a reference rewrote
// all of them, and they were counted every five seconds.
class ManyLettersTest : public HousekeepingTest {
 protected:
  explicit ManyLettersTest(std::int64_t waiting = 200'000) : waiting_(waiting) {}

  void SetUp() override {
    database_ = std::make_unique<Database>(CreateMigrated("litemaas"));
    Populate(*database_, 1);
    database_->Execute(
        "INSERT INTO users (id, username, email, oauth_provider, oauth_id) SELECT "
        "('00000000-0000-4000-8000-00000000000' || i)::uuid, 'new' || i, 'new' || i, 'o', 'new' || "
        "i FROM generate_series(1, 2) AS i");
    // Tried a moment ago: the timer has nothing to do.
    AddLetters("SELECT i, 'hash-' || i, gen_random_uuid()::text FROM generate_series(1, " +
               std::to_string(waiting_) + ") AS i");
    AddLetters("SELECT -1, 'other', '00000000-0000-4000-8000-000000000001'");
    AddLetters(
        "SELECT -1 - i, 'other', '00000000-0000-4000-8000-000000000002' "
        "FROM generate_series(1, 3) AS i");
    database_->Execute("ANALYZE usage_ingest.dead_letters");
    daemon_ = std::make_unique<support::DaemonProcess>(OptionsOf("3"));
    daemon_->Start();
  }
  void AddLetters(const std::string& offset_key_and_user) {
    database_->Execute(
        "INSERT INTO usage_ingest.dead_letters (group_id, topic, partition, record_offset, reason, "
        "key_hash, user_id, model_id, attempts, last_attempt_at, payload) SELECT 'g', 't', 0, "
        "l.record_offset, 'unattributed', l.key_hash, l.user_id, 'model-a', 20, now(), "
        "convert_to(format('{\"id\":\"%s\",\"startTime\":%s,\"model_group\":\"model-a\","
        "\"prompt_tokens\":5,\"metadata\":{\"user_api_key_user_id\":\"%s\"}}', "
        "l.record_offset, extract(epoch FROM now()), l.user_id), 'UTF8') FROM (" +
        offset_key_and_user + ") AS l(record_offset, key_hash, user_id)");
  }
  void Subscribe(int user) {
    database_->Execute(
        "INSERT INTO subscriptions (user_id, model_id, status) VALUES "
        "('00000000-0000-4000-8000-00000000000" +
        std::to_string(user) + "', 'model-a', 'active')");
  }
  bool WaitForHealed(int letters) {
    return support::WaitUntil(support::After(300s), [&] {
      return daemon_->Metric("usage_ingest_dead_letters_healed_total") == letters;
    });
  }
  std::int64_t Pending() {
    return static_cast<std::int64_t>(daemon_->Metric("usage_ingest_dead_letters_pending"));
  }
  std::int64_t Written() {
    return database_->Number(
        "SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables "
        "WHERE relid = 'usage_ingest.dead_letters'::regclass");
  }
  std::int64_t Read() {
    return database_->Number(
        "SELECT seq_tup_read + idx_tup_fetch + (SELECT sum(idx_tup_read) FROM "
        "pg_stat_user_indexes WHERE relid = t.relid) FROM pg_stat_user_tables AS t "
        "WHERE relid = 'usage_ingest.dead_letters'::regclass");
  }

  std::int64_t waiting_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<support::DaemonProcess> daemon_;
};

class FailedSweepTest : public ManyLettersTest {
 protected:
  FailedSweepTest() : ManyLettersTest(10) {}
};

// A change is announced once. With 200,000 letters the search exceeded statement_timeout on a busy
// machine, without a message, and the letter waited for its timer, up to a day.
TEST_F(FailedSweepTest, IsReportedAndRepeated) {
  Subscribe(1);
  ASSERT_TRUE(WaitForHealed(1)) << daemon_->log();
  database_->Execute("REVOKE SELECT ON usage_ingest.key_history FROM ingest");
  Subscribe(2);
  ASSERT_TRUE(support::WaitUntil(support::After(60s), [&] {
    return daemon_->log().find("permission denied for table key_history") != std::string::npos;
  })) << daemon_->log();
  database_->Execute("GRANT SELECT ON usage_ingest.key_history TO ingest");
  EXPECT_TRUE(WaitForHealed(4)) << daemon_->log();
}

// A lock time-out is not another instance that tries the same letters. The lanes and the counts of
// the housekeeper do not read this table.
TEST_F(FailedSweepTest, IsRepeatedAfterALock) {
  Subscribe(1);
  ASSERT_TRUE(WaitForHealed(1)) << daemon_->log();
  Database operator_session = postgres_.Connect("litemaas");
  operator_session.Execute("BEGIN; LOCK TABLE usage_ingest.key_history IN ACCESS EXCLUSIVE MODE");
  Subscribe(2);
  ASSERT_TRUE(support::WaitUntil(support::After(60s), [&] {
    return daemon_->log().find("lock timeout") != std::string::npos;
  })) << daemon_->log();
  operator_session.Execute("ROLLBACK");
  EXPECT_TRUE(WaitForHealed(4)) << daemon_->log();
}

TEST_F(ManyLettersTest, AChangeCostsWhatItCanHeal) {
  Subscribe(1);
  ASSERT_TRUE(WaitForHealed(1)) << daemon_->log();
  ASSERT_TRUE(support::WaitUntil(support::After(30s), [&] { return Pending() == waiting_ + 3; }));
  // What the start of the daemon costs is not in these numbers once they stay.
  std::int64_t written = 0;
  std::int64_t read = 0;
  ASSERT_TRUE(support::WaitUntil(support::After(60s), [&] {
    written = Written();
    read = Read();
    return support::HoldsFor(7s, [&] { return Written() == written && Read() == read; });
  })) << "they are counted, or tried, again and again";
  Subscribe(2);
  ASSERT_TRUE(WaitForHealed(4)) << daemon_->log();
  database_->Execute("UPDATE subscriptions SET status = 'suspended'");
  EXPECT_TRUE(support::WaitUntil(support::After(30s), [&] { return Written() >= written + 6; }));
  EXPECT_TRUE(support::HoldsFor(10s, [&] { return Written() <= written + 6; })) << Written();
  EXPECT_LE(Read(), read + 100);
  EXPECT_EQ(Pending(), waiting_);
}

// The kept number is that of the table, also when another program changes it.
TEST_F(ManyLettersTest, TheNumberOfPendingLettersIsExact) {
  const auto kept = [&] {
    return database_->Number("SELECT coalesce(sum(letters), 0) FROM usage_ingest.pending_changes");
  };
  EXPECT_EQ(kept(), waiting_ + 4);
  database_->Execute("UPDATE usage_ingest.dead_letters SET state = 'discarded' WHERE id <= 10");
  EXPECT_EQ(kept(), waiting_ - 6);
  database_->Execute("DELETE FROM usage_ingest.dead_letters WHERE id <= 15");
  EXPECT_EQ(kept(), waiting_ - 11);
  database_->Execute("TRUNCATE usage_ingest.dead_letters");
  EXPECT_EQ(kept(), 0);
  AddLetters("SELECT 1, 'hash', 'user'");
  EXPECT_EQ(kept(), 1);
  // Many changes become one row, and what triggers did not see is corrected at the next start.
  database_->Execute(
      "INSERT INTO usage_ingest.pending_changes SELECT 'unattributed', x FROM generate_series(1, "
      "200), "
      "unnest(ARRAY[1, -1]) AS x");
  EXPECT_TRUE(support::WaitUntil(support::After(30s), [&] {
    return database_->Number("SELECT count(*) FROM usage_ingest.pending_changes") == 1;
  }));
  EXPECT_EQ(kept(), 1);
  database_->Execute("UPDATE usage_ingest.pending_changes SET letters = 7");
  daemon_->Terminate();
  daemon_->Start();
  EXPECT_TRUE(support::WaitUntil(support::After(30s), [&] { return kept() == 1; })) << kept();
}

}  // namespace
}  // namespace usage_ingest::postgres
