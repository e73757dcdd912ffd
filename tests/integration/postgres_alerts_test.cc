// What happens to the real daemon in PostgreSQL and in its events, and which alerts its own scrapes
// fire. The commands of the runbook entry end each state that a command can end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <functional>

#include "tests/support/alert_history.h"
#include "tests/support/pipeline_fixture.h"

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

  GeneratedLoad load_{{.events = 3'000, .odd_share = 0}, kTopic};
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<DaemonProcess> daemon_;
};

TEST_F(PostgresAlertsTest, APeacefulDayIsQuiet) {
  Start();
  load_.Publish(*producer_, 500);
  ASSERT_TRUE(WaitForRows(400));
  ASSERT_TRUE(WaitFor("usage_ingest_lag_records", {}, [](double lag) { return lag == 0; }));
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

// LiteLLM stops: its records end.
TEST_F(PostgresAlertsTest, NothingArrives) {
  DaemonOptions options = DaemonDefaults();
  options.settings["postgres"]["foreign_keys"] = "\"constraints\"";
  Start(options);
  load_.Publish(*producer_, 200);
  ASSERT_TRUE(WaitForRows(150));
  ASSERT_TRUE(WaitFor("usage_ingest_lag_records", {}, [](double lag) { return lag == 0; }));
  AlertHistory history;
  history.Add(Scrape(), 30min);
  load_.Publish(*producer_, 2'000);
  ASSERT_TRUE(WaitForRows(2'000));
  ASSERT_TRUE(WaitFor("usage_ingest_lag_records", {}, [](double lag) { return lag == 0; }));
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
