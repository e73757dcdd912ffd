// Daemons join, leave, stop and wake up again. The others go on; nothing is counted twice (INV-5).
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

constexpr const char* kInsideCopy =
    "state = 'active' AND query ILIKE 'COPY%' AND wait_event = 'ClientRead'";

class MembershipTest : public GateTest {
 protected:
  explicit MembershipTest(const LoadOptions& load = {.events = 20'000})
      : GateTest({.partitions = 8}, load) {}

  // Kafka misses a stopped member after three seconds, not six: less to wait for.
  [[nodiscard]] DaemonOptions QuicklyMissed() const {
    DaemonOptions options = DaemonDefaults();
    options.kafka_properties["session.timeout.ms"] = "3000";
    options.kafka_properties["heartbeat.interval.ms"] = "750";
    return options;
  }

  // Through the gate, where bytes crawl: it is in the middle of a transaction most of the time.
  [[nodiscard]] DaemonOptions Crawling() const {
    DaemonOptions options = QuicklyMissed();
    options.conninfo = ThroughTheGate().conninfo;
    options.settings["batch"]["rows_max"] = "100";
    return options;
  }
  void Crawl() {
    // A megabyte a second: a COPY then takes as long as all the round trips beside it.
    constexpr std::size_t kBytesAPoll = 20'000;
    gate_.Trickle(kBytesAPoll);
  }

  // Stops the daemon at a moment when a session of its that has written to `table` is in `state`
  // (SQL on pg_stat_activity), by stopping it again and again. What it holds when it is stopped,
  // it holds until it wakes up.
  void StopWhile(const std::string& table, const std::string& state) {
    const std::string sql =
        "SELECT coalesce(min(a.pid), 0) FROM pg_stat_activity a WHERE application_name LIKE "
        "'usage-ingestd/%' "
        "AND xact_start IS NOT NULL AND EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND "
        "l.relation = '" +
        table + "'::regclass AND l.mode = 'RowExclusiveLock') AND " + state;
    const bool caught = WaitUntil(After(60s), [&] {
      daemon_->Signal(SIGSTOP);
      // Twice: what was on its way when it was stopped has arrived by then.
      const std::int64_t pid = database_.Number(sql);
      if (pid > 0 && database_.Number("SELECT 1 FROM pg_sleep(0.1)") == 1) {
        stopped_pid_ = database_.Number(sql);
      }
      if (stopped_pid_ == 0) daemon_->Signal(SIGCONT);
      return stopped_pid_ != 0;
    });
    ASSERT_TRUE(caught) << "the daemon was never stopped " << state << "\n" << daemon_->log();
  }
  void StartAndStopWhile(const std::string& state) {
    StartInTheMiddle(Crawling());
    Crawl();
    StopWhile("usage_ingest.kafka_offsets", state);
    // The kernels hold megabytes of it. A session whose bytes still come is slow and not stalled.
    gate_.Stall();
  }

  [[nodiscard]] std::vector<std::string> Positions() {
    return database_.Lines("SELECT partition, next_offset FROM usage_ingest.kafka_offsets");
  }
  // Every partition has moved, or is at its end.
  [[nodiscard]] bool AllMovedSince(const std::vector<std::string>& before) {
    for (const std::string& line : Positions()) {
      const bool same = std::find(before.begin(), before.end(), line) != before.end();
      const int partition = std::atoi(line.c_str());
      const std::int64_t next = std::stoll(line.substr(line.find('\t') + 1));
      if (same && next != kafka_.admin().EndOffset(kTopic, partition)) return false;
    }
    return true;
  }

  // The server says so. (How soon is the subject of TurnTest: here it depends on the machine.)
  void ExpectEndedByADaemon() {
    std::istringstream lines(postgres_.log());
    bool is_ended = false;
    for (std::string line; std::getline(lines, line);) {
      is_ended =
          is_ended ||
          (line.find("[" + std::to_string(stopped_pid_) + "]") != std::string::npos &&
           line.find("terminating connection due to administrator command") != std::string::npos);
    }
    EXPECT_TRUE(is_ended) << postgres_.log();
  }

  std::int64_t stopped_pid_ = 0;  // of PostgreSQL's session

  // A zombie holds an offsets row; another daemon must go on with all partitions.
  void ExpectOtherGoesOn() {
    const std::vector<std::string> before = Positions();
    DaemonProcess other(QuicklyMissed());
    other.Start();
    EXPECT_TRUE(WaitUntil(After(60s), [&] { return AllMovedSince(before); })) << other.log();
    gate_.Resume();
    daemon_->Signal(SIGCONT);
    load_.PublishAll(*producer_);
    ExpectTotalsMatch(load_.Expected(*producer_));
    EXPECT_TRUE(WaitUntil(After(60s), [&] { return daemon_->ready(); })) << daemon_->log();
    EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
    EXPECT_EQ(other.Terminate(), 0) << other.log();
  }
};

TEST_F(MembershipTest, AZombieStoppedBetweenStatementsIsEnded) {
  ASSERT_NO_FATAL_FAILURE(StartAndStopWhile("state = 'idle in transaction'"));
  ExpectOtherGoesOn();
}

// No time-out of PostgreSQL 15 covers this one: its kernel still answers.
TEST_F(MembershipTest, AZombieStoppedInsideCopyIsEnded) {
  ASSERT_NO_FATAL_FAILURE(StartAndStopWhile(kInsideCopy));
  ExpectOtherGoesOn();
  ExpectEndedByADaemon();
}

// It has the turn of the sums: lanes of other partitions wait for it, too.
TEST_F(MembershipTest, AZombieStoppedInItsTurnIsEnded) {
  ASSERT_NO_FATAL_FAILURE(StartAndStopWhile(
      "state = 'idle in transaction' AND EXISTS (SELECT FROM pg_locks t WHERE "
      "t.pid = a.pid AND t.locktype = 'advisory' AND t.granted AND (t.classid::int8 << 32 "
      "| t.objid::int8) = hashtextextended('usage_ingest sums', 0))"));
  ExpectOtherGoesOn();
}

// A replay holds no offsets row, only the ids of its rows: the daemon brings the same ones.
class ZombieReplayTest : public MembershipTest {
 protected:
  // Duplicates would send the replay to the staged path, where a COPY holds no ids.
  ZombieReplayTest() : MembershipTest({.events = 20'000, .duplicate_share = 0}) {}

  // COPY keeps a thousand rows back (MAX_BUFFERED_TUPLES); with more the first ids are in the
  // index.
  static constexpr const char* kHasIds =
      "EXISTS (SELECT FROM pg_stat_progress_copy p WHERE p.relid = 'usage_logs'::regclass "
      "AND p.tuples_processed > 2000)";

  void StartReplay() {
    load_.PublishAll(*producer_);
    DaemonOptions options = Crawling();
    options.settings["batch"]["rows_max"] = "10000";
    options.settings["batch"]["linger"] = "\"5s\"";
    daemon_ = std::make_unique<DaemonProcess>(options);
    Crawl();
    daemon_->Start({"replay", "--topic", kTopic, "--from-offset", "0", "--to-offset", "1000000"});
  }
  void ExpectBothEndWell(DaemonProcess& other) {
    gate_.Resume();
    EXPECT_EQ(daemon_->WaitExit(60s), 0) << daemon_->log();
    ExpectedTotals expected = load_.Expected(*producer_);
    const auto replayed = database_.Number("SELECT sum(inserted) FROM usage_ingest.replays");
    expected.rows_from_elsewhere = replayed;
    *expected.inserted -= replayed;
    *expected.duplicates += replayed;
    ExpectTotalsMatch(expected);
    EXPECT_EQ(other.Terminate(), 0) << other.log();
  }
};

TEST_F(ZombieReplayTest, StoppedInsideCopyIsEnded) {
  StartReplay();
  ASSERT_NO_FATAL_FAILURE(
      StopWhile("usage_ingest.replays", std::string(kInsideCopy) + " AND " + kHasIds));
  // What the kernels still hold would end this COPY, and then a time-out its transaction.
  gate_.Stall();
  DaemonProcess other(DaemonDefaults());
  other.Start();
  EXPECT_TRUE(WaitUntil(After(60s), [&] {
    return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
  })) << other.log();
  ExpectEndedByADaemon();
  daemon_->Signal(SIGCONT);
  ExpectBothEndWell(other);
}

// Else two of us that are slow would end each other in turn.
TEST_F(ZombieReplayTest, ASlowReplayIsNotEnded) {
  StartReplay();
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return database_.Number(std::string("SELECT count(*) FROM pg_database WHERE ") + kHasIds) > 0;
  })) << daemon_->log();
  // So slow that this COPY does not end by itself.
  constexpr std::size_t kBytesAPoll = 2'000;
  gate_.Trickle(kBytesAPoll);
  DaemonProcess other(DaemonDefaults());
  other.StartAndWait();
  // Blocked for several times as long as one of us may be silent.
  constexpr int kRefusedTries = 8;
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return other.Metric("usage_ingest_postgres_errors_total") >= kRefusedTries;
  })) << other.log();
  ExpectBothEndWell(other);
  EXPECT_EQ(daemon_->log().find("terminating connection"), std::string::npos) << daemon_->log();
}

TEST_F(MembershipTest, ASecondInstanceJoinsAndLeaves) {
  StartInTheMiddle();
  for (int round = 0; round < 3; ++round) {
    DaemonProcess second(SmallBatches());
    second.StartAndWait();
    load_.Publish(*producer_, 500);
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return second.Metric("usage_ingest_records_total") > 0;
    })) << second.log();
    if (round == 1) {
      second.Kill();
    } else {
      EXPECT_EQ(second.Terminate(), 0) << second.log();
    }
  }
  ExpectRecovers();
}

TEST_F(MembershipTest, ManyRebalancesLoseAndRepeatNothing) {
  StartInTheMiddle();
  std::vector<std::unique_ptr<DaemonProcess>> crowd;
  for (int i = 0; i < 3; ++i) crowd.push_back(std::make_unique<DaemonProcess>(SmallBatches()));
  for (int round = 0; round < 4; ++round) {
    // All at once, and gone as soon as one of them works: assignments never settle.
    for (const auto& each : crowd) each->Start();
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return std::any_of(crowd.begin(), crowd.end(),
                         [](const auto& each) { return each->ready(); });
    })) << crowd[0]->log();
    load_.Publish(*producer_, 200);
    for (const auto& each : crowd) {
      if (round % 2 == 0) {
        each->Kill();
      } else {
        EXPECT_EQ(each->Terminate(), 0) << each->log();
      }
    }
  }
  ExpectRecovers();
}

// A member with a name comes back within its session's time-out and finds its partitions as they
// were: no other member notices.
TEST_F(MembershipTest, ANamedMemberRestartsWithoutARebalance) {
  const auto named = [&](const char* name) {
    DaemonOptions options = SmallBatches();
    options.kafka_properties["group.instance.id"] = name;
    options.kafka_properties["session.timeout.ms"] = "30000";
    return options;
  };
  load_.Publish(*producer_, Events() / 4);
  daemon_ = std::make_unique<DaemonProcess>(named("a"));
  DaemonProcess other(named("b"));
  daemon_->StartAndWait();
  other.StartAndWait();
  load_.Publish(*producer_, Events() / 4);
  // Both work: the second one's join has been dealt with.
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return other.Metric("usage_ingest_records_total") > 0 && daemon_->ready() && other.ready();
  })) << other.log();
  const double rebalances = other.Metric("usage_ingest_rebalances_total");
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  load_.Publish(*producer_, Events() / 4);
  daemon_->StartAndWait();
  load_.PublishAll(*producer_);
  ExpectTotalsMatch(load_.Expected(*producer_));
  EXPECT_EQ(other.Metric("usage_ingest_rebalances_total"), rebalances) << other.log();
  EXPECT_GT(daemon_->Metric("usage_ingest_records_total"), 0);
}

// librdkafka's fatal errors cannot be waited out: the daemon ends and says what to do.
TEST_F(MembershipTest, AMemberWhoseInstanceIdIsTakenEndsWithTheReason) {
  DaemonOptions options = SmallBatches();
  options.kafka_properties["group.instance.id"] = "a";
  StartInTheMiddle(options);
  DaemonProcess second(options);
  second.Start();
  constexpr int kExitConfig = 78;  // sysexits.h
  EXPECT_EQ(daemon_->WaitExit(60s), kExitConfig) << daemon_->log();
  EXPECT_NE(daemon_->log().find("another daemon runs with the same group.instance.id"),
            std::string::npos)
      << daemon_->log();
  load_.PublishAll(*producer_);
  ExpectTotalsMatch(load_.Expected(*producer_));
  EXPECT_EQ(second.Terminate(), 0) << second.log();
}

// INV-5 by itself: the offsets row says something else than the daemon thinks.
TEST_F(MembershipTest, AnOffsetsRowMovedByAnotherOwnerIsObeyed) {
  load_.Publish(*producer_, 5'000);
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->StartAndWait();
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
  }));
  // As a database that went back by ten records: they are read again and are duplicates.
  database_.Execute(
      "UPDATE usage_ingest.kafka_offsets SET next_offset = next_offset - 10, "
      "records = records - 10, events = events - 10, inserted = inserted - 10 "
      "WHERE partition = 0");
  Producer direct(kafka_.brokers());
  direct.Produce({.topic = kTopic, .partition = 0, .value = std::nullopt});
  direct.Flush();
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
  })) << daemon_->log();
  EXPECT_GT(daemon_->Metric("usage_ingest_fenced_total"), 0);
  ExpectedTotals expected = load_.Expected(*producer_);
  EXPECT_EQ(RowCount(), *expected.inserted);
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
}

}  // namespace
}  // namespace usage_ingest::support
