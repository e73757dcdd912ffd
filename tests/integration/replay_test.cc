// Reading again changes nothing that is there, and brings back what is not (INV-4).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/integration/kafka/transactional_producer.h"
#include "tests/integration/replay_report.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

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

// The story: records were deleted, the replay ended with 0 and did not say so.
TEST_F(ReplayTest, NamesWhatKafkaHasDeleted) {
  kafka_.admin().DeleteRecordsBelow(kTopic, 0, 20);
  const std::vector<std::string> range = {"--partition", "0",           "--from-offset",
                                          "5",           "--to-offset", "30"};
  const CommandResult result = Replay(range);
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "records"), 10);
  EXPECT_EQ(ReportField(result.output, "gap_records"), 15);
  EXPECT_THAT(result.output,
              HasSubstr(R"("missing":[{"partition":0,"from_offset":5,"to_offset":20,)"
                        R"("reason":"deleted","certain":true}])"));
  EXPECT_THAT(result.errors, HasSubstr("warning: partition 0: offsets 5 to 20 are missing: Kafka "
                                       "has deleted them"));
  std::vector<std::string> words = {"replay", "--topic", kTopic};
  words.insert(words.end(), range.begin(), range.end());
  EXPECT_THAT(daemon_->Run(words).output, HasSubstr("gap_records       15"));
}

TEST_F(ReplayTest, NamesWhatAnOpenTransactionHides) {
  const std::int64_t end = kafka_.admin().EndOffset(kTopic, 1);
  kafka::consumer::TransactionalProducer producer(kafka_.brokers());
  producer.LeaveOpen(kTopic, "open", 1);
  const CommandResult result =
      Replay({"--partition", "1", "--from-offset", "0", "--to-offset", std::to_string(end + 1)});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "records"), end);
  EXPECT_EQ(ReportField(result.output, "gap_records"), 0);
  EXPECT_THAT(result.errors,
              HasSubstr("offsets " + std::to_string(end) + " to " + std::to_string(end + 1) +
                        " are missing: a producer's transaction is neither"));
  EXPECT_THAT(result.output, HasSubstr(R"("reason":"open_transaction","certain":true)"));
}

TEST_F(ReplayTest, ATimeBefore1970IsTheBeginningOfTheTopic) {
  const CommandResult result = Replay({"--from-time", "1960-01-01", "--to-time", "2100-01-01"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_EQ(ReportField(result.output, "records"), 5'000);
  const CommandResult none = Replay({"--from-time", "1960-01-01", "--to-time", "1965-01-01"});
  ASSERT_EQ(none.exit_code, 0) << none.errors;
  EXPECT_EQ(ReportField(none.output, "records"), 0);
}

// A run by time is known by its times: the log, and so its range of offsets, has grown since.
TEST_F(ReplayTest, ARunByTimeContinuesAlthoughTheLogHasGrown) {
  const std::vector<std::string> words = {"--partition", "0",         "--from-time",
                                          "1971-01-01",  "--to-time", "2100-01-01"};
  ASSERT_EQ(Replay(words).exit_code, 0);
  database_.Execute(
      "UPDATE usage_ingest.replays SET outcome = 'interrupted', next_offset = to_offset - 3");
  Producer producer(kafka_.brokers());
  for (int i = 0; i < 2; ++i) {
    producer.Produce({.topic = kTopic, .partition = 0, .value = "no JSON"});
  }
  producer.Flush();
  EXPECT_EQ(ReportField(Replay(words).output, "records"), 5);
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_ingest.replays"), 1);
  EXPECT_EQ(database_.Value("SELECT outcome || (next_offset = to_offset) FROM "
                            "usage_ingest.replays"),
            "finishedtrue");
  // Another time over the same offsets is another run.
  std::vector<std::string> other = words;
  other.back() = "2099-01-01";
  database_.Execute("UPDATE usage_ingest.replays SET outcome = 'interrupted'");
  EXPECT_GT(ReportField(Replay(other).output, "records"), 5);
}

}  // namespace
}  // namespace usage_ingest::support
