// Reading again changes nothing that is there, and brings back what is not (INV-4).
#include <gtest/gtest.h>

#include "tests/integration/replay_report.h"
#include "tests/support/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class ReplayTest : public PipelineTest {
 protected:
  ReplayTest() : load_({.events = 5'000}, kTopic) {}

  void SetUp() override {
    PipelineTest::SetUp();
    Install(load_);
    producer_ = std::make_unique<Producer>(kafka_.brokers());
    load_.PublishAll(*producer_);
    daemon_ = std::make_unique<DaemonProcess>(DaemonDefaults());
    daemon_->StartAndWait();
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
    })) << daemon_->log();
  }
  [[nodiscard]] CommandResult Replay(std::vector<std::string> words) const {
    words.insert(words.begin(), {"replay", "--topic", kTopic, "--json"});
    return daemon_->Run(words, 120s);
  }
  [[nodiscard]] std::vector<std::string> Everything() {
    // Without what the running daemon may touch at any time: attempts of dead letters, the time of
    // an offsets row.
    std::vector<std::string> lines = database_.Lines("SELECT * FROM usage_logs");
    for (const char* rows :
         {"SELECT * FROM usage_summaries", "SELECT * FROM subscriptions",
          "SELECT id, topic, partition, record_offset, event_index, reason, state, payload FROM "
          "usage_ingest.dead_letters",
          "SELECT topic, partition, next_offset, records, events, inserted, duplicates, "
          "dead_lettered, skipped, gap_records FROM usage_ingest.kafka_offsets"}) {
      for (std::string& line : database_.Lines(rows)) lines.push_back(std::move(line));
    }
    return lines;
  }

  GeneratedLoad load_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<DaemonProcess> daemon_;
};

TEST_F(ReplayTest, TheWholeTopicBesideTheRunningDaemonChangesNothing) {
  const std::vector<std::string> before = Everything();
  const CommandResult result = Replay({"--from-offset", "0", "--to-offset", "1000000"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "records"), 5'000);
  EXPECT_EQ(ReportField(result.output, "inserted"), 0);
  EXPECT_EQ(ReportField(result.output, "duplicates"),
            load_.expectation().inserted() + load_.expectation().duplicates());
  EXPECT_EQ(Everything(), before);
  ExpectTotalsMatch(load_.Expected(*producer_));
}

TEST_F(ReplayTest, BringsBackRowsThatWereLost) {
  // Gone with their counts, as after a restore of part of the tables.
  database_.Execute("TRUNCATE usage_logs, usage_summaries");
  database_.Execute("UPDATE subscriptions SET used_requests = 0, used_tokens = 0");
  const CommandResult result = Replay({"--from-offset", "0", "--to-offset", "1000000"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "inserted"), load_.expectation().inserted());
  EXPECT_EQ(RowCount(), load_.expectation().inserted());
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
}

TEST_F(ReplayTest, NoQuotaWritesRowsAndSummariesAndLeavesTheCounters) {
  database_.Execute("TRUNCATE usage_logs, usage_summaries");
  const std::string counters = "SELECT id, used_requests, used_tokens FROM subscriptions";
  const std::vector<std::string> before = database_.Lines(counters);
  const CommandResult result =
      Replay({"--from-offset", "0", "--to-offset", "1000000", "--no-quota"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "inserted"), load_.expectation().inserted());
  Totals::ExpectSummariesExact(database_);
  EXPECT_EQ(database_.Lines(counters), before);
}

// What the daemon has not read would be a duplicate when it does, and never be counted.
TEST_F(ReplayTest, NoQuotaEndsWhereTheDaemonIs) {
  ASSERT_EQ(daemon_->Terminate(), 0);
  database_.Execute("UPDATE usage_ingest.kafka_offsets SET next_offset = 10 WHERE partition = 0");
  const CommandResult result =
      Replay({"--partition", "0", "--from-offset", "0", "--to-offset", "1000000", "--no-quota"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "records"), 10);
  EXPECT_NE(result.errors.find("ends at offset 10 instead of"), std::string::npos) << result.errors;

  const CommandResult beyond =
      Replay({"--partition", "0", "--from-offset", "10", "--to-offset", "1000000", "--no-quota"});
  EXPECT_EQ(beyond.exit_code, 64);
  EXPECT_NE(beyond.errors.find("it is at offset 10"), std::string::npos) << beyond.errors;
  const CommandResult counted =
      Replay({"--partition", "0", "--from-offset", "10", "--to-offset", "30"});
  EXPECT_EQ(ReportField(counted.output, "records"), 20) << counted.errors;

  database_.Execute("DELETE FROM usage_ingest.kafka_offsets");
  EXPECT_EQ(Replay({"--from-offset", "0", "--to-offset", "5", "--no-quota"}).exit_code, 64);
}

TEST_F(ReplayTest, DryRunWritesNothing) {
  database_.Execute("TRUNCATE usage_logs, usage_summaries");
  const std::vector<std::string> before = Everything();
  const CommandResult result =
      Replay({"--from-offset", "0", "--to-offset", "1000000", "--dry-run"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "records"), 5'000);
  EXPECT_EQ(Everything(), before);
}

TEST_F(ReplayTest, ReadsOnlyTheRangeOfOnePartition) {
  const CommandResult result =
      Replay({"--partition", "0", "--from-offset", "10", "--to-offset", "30"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "records"), 20);  // the end is exclusive
}

}  // namespace
}  // namespace usage_ingest::support
