// What happens to the real daemon in PostgreSQL and in its events, and which alerts its own scrapes
// fire. The commands of the runbook entry end each state that a command can end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <functional>

#include "tests/support/pipeline/alert_history.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr char kPending[] = "usage_ingest_dead_letters_pending";
constexpr char kHeld[] = "usage_ingest_batch_held_seconds";

class PostgresAlertsTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    Install(load_);
    producer_ = std::make_unique<Producer>(kafka_.brokers());
  }
  void Start(const DaemonOptions& options) {
    daemon_ = std::make_unique<DaemonProcess>(options);
    daemon_->StartAndWait();
  }
  void Start() { Start(DaemonDefaults()); }
  [[nodiscard]] std::string Scrape() const { return daemon_->Get("/metrics").body; }
  [[nodiscard]] bool WaitFor(const std::string& metric, const std::vector<std::string>& labels,
                             const std::function<bool(double)>& holds) const {
    return WaitUntil(After(60s), [&] { return holds(daemon_->Metric(metric, labels)); });
  }
  // Everything is stored, and the scrapes say so. The lag is reported each second: one of 0 may be
  // from before the daemon heard of the records.
  bool WaitUntilCaughtUp() {
    return WaitUntil(After(60s),
                     [&] {
                       return Totals::CaughtUp(database_, load_.Expected(*producer_),
                                               kafka_.admin());
                     }) &&
           WaitUntil(After(60s), [&] {
             return HoldsFor(1500ms,
                             [&] { return daemon_->Metric("usage_ingest_lag_records") == 0; });
           });
  }
  // A command of a runbook entry, as the role of the daemon.
  void Do(const std::vector<std::string>& words) const {
    const CommandResult done = daemon_->Run(words);
    EXPECT_EQ(done.exit_code, 0) << words[0] << ":\n" << done.output << done.errors;
  }
  // The same as the owner of the tables.
  void DoAsOwner(const std::vector<std::string>& words) const {
    DaemonOptions options = daemon_->options();
    options.conninfo = postgres_.conninfo(kDatabase, kOwnerRole);
    const CommandResult done = DaemonProcess(options).Run(words);
    EXPECT_EQ(done.exit_code, 0) << words[0] << ":\n" << done.output << done.errors;
  }

  // The statement that a message tells its reader to run.
  static std::string GrantOf(const std::string& message) {
    const std::size_t begin = message.find("GRANT ");
    return begin == std::string::npos
               ? message
               : message.substr(begin, message.find_first_of(";\n", begin) - begin);
  }
  // Of 64 KB each, as of a callback that sends full payloads; each becomes a row.
  void PublishLargeEvents(int count) const {
    const std::string hash = Connect().Value("SELECT key_hash FROM api_keys ORDER BY id LIMIT 1");
    const std::string model = Connect().Value(
        "SELECT s.model_id FROM subscriptions s JOIN api_keys k ON k.user_id = s.user_id "
        "ORDER BY k.id, s.id LIMIT 1");
    const std::string start = std::to_string(std::time(nullptr));
    const std::string rest = R"(","status":"success","startTime":)" + start + R"(,"endTime":)" +
                             start + R"(,"prompt_tokens":1,"completion_tokens":1,"model":")" +
                             model + R"(","messages":")" + std::string(64 * 1024, 'x') +
                             R"(","metadata":{"user_api_key_hash":")" + hash + R"("}})";
    for (int i = 0; i < count; ++i) {
      std::string event = R"({"id":"large-)";
      event += std::to_string(i);
      event += rest;
      producer_->Produce({.topic = kTopic, .partition = i % partitions_, .value = event});
    }
    producer_->Flush();
  }

  GeneratedLoad load_{{.events = 3'000, .odd_share = 0}, kTopic};
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<DaemonProcess> daemon_;
};

TEST_F(PostgresAlertsTest, APeacefulDayIsQuiet) {
  Start();
  load_.Publish(*producer_, 500);
  ASSERT_TRUE(WaitForRows(400));
  ASSERT_TRUE(WaitUntilCaughtUp()) << daemon_->log();
  AlertHistory history;
  history.Add(Scrape(), 90min);
  EXPECT_THAT(history.FiringAt(89min), IsEmpty());
}

// Records that came ten minutes ago wait behind a lock: late, held, and none is written.
TEST_F(PostgresAlertsTest, ALockHoldsABatch) {
  Start();
  load_.Publish(*producer_, 500);
  ASSERT_TRUE(WaitForRows(400));
  AlertHistory history;
  history.Add(Scrape(), 20min);
  Database other = ConnectAsOwner();
  other.Execute("BEGIN; LOCK TABLE subscriptions IN ACCESS EXCLUSIVE MODE");
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  producer_->Produce(
      {.topic = kTopic,
       .partition = 0,
       .value = R"({"id": "late", "startTime": 1})",
       .timestamp_ms = std::chrono::ceil<std::chrono::milliseconds>(now - 10min).count()});
  load_.Publish(*producer_, 500);
  ASSERT_TRUE(WaitFor(kHeld, {}, [](double seconds) { return seconds > 10; })) << daemon_->log();
  EXPECT_THAT(daemon_->Run({"status"}).output, ::testing::HasSubstr("held batch    for"));
  history.Add(Scrape(), 25min);
  EXPECT_THAT(history.FiringAt(24min), Not(Contains("UsageIngestBatchHeld")));
  EXPECT_THAT(history.FiringAt(26min), Contains("UsageIngestBatchHeld"));
  EXPECT_THAT(history.FiringAt(44min),
              IsSupersetOf({"UsageIngestBatchHeld", "UsageIngestLagging", "UsageIngestStalled"}));
  // The runbook: who holds the lock. Lanes wait in turns, and not all the time.
  EXPECT_TRUE(support::WaitUntil(support::After(30s), [&] {
    return database_.Number(
               "SELECT count(DISTINCT blocker) FROM pg_locks AS l, "
               "unnest(pg_blocking_pids(l.pid)) AS blocker WHERE NOT l.granted AND NOT EXISTS "
               "(SELECT FROM pg_locks AS own WHERE own.pid = blocker AND NOT own.granted)") == 1;
  }));
  other.Execute("ROLLBACK");
  ASSERT_TRUE(WaitForRows(900));
  ASSERT_TRUE(WaitFor(kHeld, {}, [](double seconds) { return seconds == 0; }));
  history.Add(Scrape(), 10min);
  EXPECT_THAT(history.FiringAt(47min), Not(Contains("UsageIngestBatchHeld")));
}

TEST_F(PostgresAlertsTest, PostgresIsAway) {
  Start();
  AlertHistory history;
  history.Add(Scrape(), 10min);
  postgres_.Stop(PostgresCluster::StopMode::kFast);
  ASSERT_TRUE(WaitFor("usage_ingest_postgres_up", {}, [](double up) { return up == 0; }));
  history.Add(Scrape(), 15min);
  EXPECT_THAT(history.FiringAt(11min), IsEmpty());
  EXPECT_THAT(history.FiringAt(12min), ElementsAre("UsageIngestPostgresDown"));
  EXPECT_THAT(history.FiringAt(21min),
              ElementsAre("UsageIngestNotReady", "UsageIngestPostgresDown"));
  postgres_.Start();
  daemon_->WaitReady();
}

TEST_F(PostgresAlertsTest, RowsThatPostgresRefusesAreIsolated) {
  const std::string reason = "rejected_by_database";
  database_.Execute("ALTER TABLE usage_logs ADD CONSTRAINT odd CHECK (request_tokens % 10 <> 3)");
  Start();
  load_.Publish(*producer_, 300);
  ASSERT_TRUE(WaitFor(kPending, {"reason=\"" + reason + "\""}, [](double n) { return n > 0; }))
      << daemon_->log();
  ASSERT_TRUE(WaitUntilCaughtUp()) << daemon_->log();
  AlertHistory history;
  history.Add(Scrape(), 60min);
  EXPECT_THAT(history.FiringAt(29min), IsEmpty());
  EXPECT_THAT(history.FiringAt(31min), ElementsAre("UsageIngestPartIsolated"));
  Do({"dead-letters", "list", "--group-by", "reason,model"});
  database_.Execute("ALTER TABLE usage_logs DROP CONSTRAINT odd");
  Do({"dead-letters", "retry", "--reason", reason});
  ASSERT_TRUE(WaitFor(kPending, {}, [](double pending) { return pending == 0; }));
  history.Add(Scrape(), 5min);
  EXPECT_THAT(history.FiringAt(61min), IsEmpty());
}

TEST_F(PostgresAlertsTest, ABadEventAndOneWithoutAnOwner) {
  Start();
  AlertHistory history;
  history.Add(Scrape(), 10min);
  const std::string start = std::to_string(std::time(nullptr));
  producer_->Produce({.topic = kTopic, .value = "no JSON"});
  const std::string unknown = R"({"id":"u","status":"success","startTime":)" + start +
                              R"(,"endTime":)" + start +
                              R"(,"prompt_tokens":1,"completion_tokens":1,"model":"m",)"
                              R"("metadata":{"user_api_key_hash":"nobody"}})";
  producer_->Produce({.topic = kTopic, .value = unknown});
  producer_->Flush();
  ASSERT_TRUE(WaitFor(kPending, {}, [](double pending) { return pending == 2; })) << daemon_->log();
  history.Add(Scrape(), 1500min);
  EXPECT_THAT(history.FiringAt(12min), ElementsAre("UsageIngestBadEvents"));
  EXPECT_THAT(history.FiringAt(1440min), IsEmpty());
  EXPECT_THAT(history.FiringAt(1460min), ElementsAre("UsageIngestUnattributed"));
  // O7: what can never become a row does not hold the alert of those that wait for an owner.
  Do({"dead-letters", "list", "--reason", "unattributed"});
  Do({"dead-letters", "retry", "--reason", "unattributed"});
  Do({"dead-letters", "discard", "--reason", "unattributed"});
  ASSERT_TRUE(WaitFor(kPending, {}, [](double pending) { return pending == 1; }));
  history.Add(Scrape(), 1500min);
  EXPECT_THAT(history.FiringAt(3000min), IsEmpty());
}

TEST_F(PostgresAlertsTest, PartitionsEndAndAreMadeAgain) {
  Start();
  ASSERT_TRUE(WaitFor("usage_ingest_partition_runway_seconds", {},
                      [](double seconds) { return seconds > 14 * 86'400; }));
  for (const Row& row : database_.Query(
           "SELECT name FROM usage_ingest.partitions_of_usage_logs() WHERE to_time > now()")) {
    database_.Execute("DROP TABLE " + *row[0]);
  }
  ASSERT_TRUE(WaitFor("usage_ingest_partition_runway_seconds", {},
                      [](double seconds) { return seconds < 86'400; }));
  AlertHistory history;
  history.Add(Scrape(), 90min);
  EXPECT_THAT(history.FiringAt(59min), IsEmpty());
  EXPECT_THAT(history.FiringAt(61min), ElementsAre("UsageIngestPartitionsRunOut"));
  Do({"partitions", "ensure"});
  ASSERT_TRUE(WaitFor("usage_ingest_partition_runway_seconds", {},
                      [](double seconds) { return seconds > 14 * 86'400; }));
  history.Add(Scrape(), 10min);
  EXPECT_THAT(history.FiringAt(91min), IsEmpty());
}

TEST_F(PostgresAlertsTest, TheRetentionJobDoesNotRun) {
  database_.Execute("SELECT usage_ingest.ensure_partition((now() - INTERVAL '6 months')::date)");
  DaemonOptions options = DaemonDefaults();
  options.settings["partitions"]["retention_months"] = "2";
  Start(options);
  const std::string overdue = "usage_ingest_retention_overdue_seconds";
  ASSERT_TRUE(WaitFor(overdue, {}, [](double seconds) { return seconds > 3 * 86'400; }));
  AlertHistory history;
  history.Add(Scrape(), 90min);
  EXPECT_THAT(history.FiringAt(59min), IsEmpty());
  EXPECT_THAT(history.FiringAt(61min), ElementsAre("UsageIngestRetentionLate"));
  DoAsOwner({"partitions", "retain", "--dry-run"});
  DoAsOwner({"partitions", "retain"});
  ASSERT_TRUE(WaitFor(overdue, {}, [](double seconds) { return seconds == 0; }));
  history.Add(Scrape(), 10min);
  EXPECT_THAT(history.FiringAt(91min), IsEmpty());
}

// What no retry can repair ends the process, and systemd does not start it again.
TEST_F(PostgresAlertsTest, APrivilegeIsRevoked) {
  Start();
  load_.Publish(*producer_, 500);
  ASSERT_TRUE(WaitForRows(400));
  AlertHistory history;
  history.Add(Scrape(), 20min);
  ConnectAsOwner().Execute(std::string("REVOKE INSERT ON usage_logs FROM ") + kDaemonRole);
  load_.Publish(*producer_, 500);
  constexpr int kExitConfig = 78;  // sysexits.h
  ASSERT_EQ(daemon_->WaitExit(60s), kExitConfig) << daemon_->log();
  history.Add(std::nullopt, 10min);
  EXPECT_THAT(history.FiringAt(24min), IsEmpty());
  EXPECT_THAT(history.FiringAt(26min), ElementsAre("UsageIngestDown"));
  // The runbook: the command prints the fix.
  const CommandResult checked = daemon_->Run({"check-config", "--connect"});
  EXPECT_EQ(checked.exit_code, kExitConfig) << checked.output << checked.errors;
  ConnectAsOwner().Execute(GrantOf(checked.output + checked.errors));
  daemon_->StartAndWait();
  EXPECT_TRUE(WaitForRows(900)) << daemon_->log();
}

// Another installation with the same group_id moves the positions.
TEST_F(PostgresAlertsTest, AnotherOwnerTakesPartitions) {
  Start();
  load_.Publish(*producer_, 2'000);
  // Offset 0 cannot go back: records before it would be lost.
  ASSERT_TRUE(WaitUntilCaughtUp()) << daemon_->log();
  AlertHistory history;
  history.Add(Scrape(), 70min);
  for (int time = 1; time <= 6; ++time) {
    database_.Execute(
        "UPDATE usage_ingest.kafka_offsets SET next_offset = next_offset - 10, "
        "records = records - 10, events = events - 10, inserted = inserted - 10, "
        "last_timestamp = NULL, last_hash = NULL, last_leader_epoch = NULL WHERE partition = 0");
    producer_->Produce({.topic = kTopic, .partition = 0, .value = std::nullopt});
    producer_->Flush();
    ASSERT_TRUE(WaitFor("usage_ingest_fenced_total", {}, [&](double times) {
      return times >= time;
    })) << daemon_->log();
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return database_.Number(
                 "SELECT next_offset FROM usage_ingest.kafka_offsets WHERE partition = 0") ==
             kafka_.admin().EndOffset(kTopic, 0);
    })) << daemon_->log();
  }
  ASSERT_TRUE(WaitUntilCaughtUp()) << daemon_->log();
  history.Add(Scrape(), 90min);
  EXPECT_THAT(history.FiringAt(69min), IsEmpty());
  EXPECT_THAT(history.FiringAt(71min), ElementsAre("UsageIngestFenced")) << daemon_->log();
  EXPECT_THAT(history.FiringAt(159min), IsEmpty());
}

// More arrives than is written. The consumer is never paused: each commit makes room in time.
TEST_F(PostgresAlertsTest, TheMemoryBoundIsReached) {
  database_.Execute(
      "CREATE FUNCTION slow() RETURNS TRIGGER LANGUAGE plpgsql AS "
      "'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';"
      "CREATE TRIGGER slow AFTER INSERT ON usage_logs FOR EACH STATEMENT EXECUTE FUNCTION slow()");
  PublishLargeEvents(4'000);
  DaemonOptions options = DaemonDefaults();
  options.settings["memory"]["budget"] = "\"128MiB\"";
  options.settings["postgres"]["writers"] = "1";
  // A transaction has at most 80 of these events, a third of what the queue takes: it is never
  // empty, and the backlog lasts for longer than the scrapes.
  options.settings["batch"]["rows_max"] = "5";
  options.settings["batch"]["bytes_max"] = "\"4MiB\"";
  options.settings["events"]["record_bytes_max"] = "\"4MiB\"";
  Start(options);
  ASSERT_TRUE(WaitForRows(50)) << daemon_->log();
  AlertHistory history;
  int minutes = 0;
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    history.Add(Scrape(), 1min);
    return ++minutes > 45;
  }));
  EXPECT_THAT(history.FiringAt(14min), Not(Contains("UsageIngestAtMemoryBound")));
  EXPECT_THAT(history.FiringAt(45min), Contains("UsageIngestAtMemoryBound"));
}

// LiteLLM stops: its records end.
TEST_F(PostgresAlertsTest, NothingArrives) {
  DaemonOptions options = DaemonDefaults();
  options.settings["postgres"]["foreign_keys"] = "\"constraints\"";
  Start(options);
  load_.Publish(*producer_, 200);
  ASSERT_TRUE(WaitForRows(150));
  ASSERT_TRUE(WaitUntilCaughtUp()) << daemon_->log();
  AlertHistory history;
  history.Add(Scrape(), 30min);
  load_.Publish(*producer_, 2'000);
  ASSERT_TRUE(WaitForRows(2'000));
  ASSERT_TRUE(WaitUntilCaughtUp()) << daemon_->log();
  history.Add(Scrape(), 1500min);
  EXPECT_THAT(history.FiringAt(140min), IsEmpty());
  EXPECT_THAT(history.FiringAt(190min), ElementsAre("UsageIngestSilent"));
  EXPECT_THAT(history.FiringAt(1500min), Contains("UsageIngestSlowCopy"));
}

TEST_F(PostgresAlertsTest, TheProcessCrashesAgainAndAgain) {
  AlertHistory history;
  for (int start = 0; start < 5; ++start) {
    Start();
    history.Add(Scrape(), 5min);
    daemon_->Kill();
    history.Add(std::nullopt, 2min);
  }
  EXPECT_THAT(history.FiringAt(10min), IsEmpty());
  EXPECT_THAT(history.FiringAt(32min), ElementsAre("UsageIngestRestarting"));
  history.Add(std::nullopt, 10min);
  EXPECT_THAT(history.FiringAt(42min), Contains("UsageIngestDown"));
}

}  // namespace
}  // namespace usage_ingest::support
