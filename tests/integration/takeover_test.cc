// The procedures of docs/operations.md that read LiteLLM's own table, as they are written there:
// taking over from the trigger, and filling a gap. The table has LiteLLM's column types, and its
// rows were made by LiteLLM's own code (tests/data/litellm/README.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "tests/integration/replay_report.h"
#include "tests/support/child_process.h"
#include "tests/support/compare.h"
#include "tests/support/pipeline/captured_events.h"
#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

const std::filesystem::path kSource = USAGE_INGEST_SOURCE_DIR;

std::vector<std::string> LinesOf(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

void Replace(std::string& text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  if (at == std::string::npos) throw std::runtime_error("docs/operations.md: no " + what);
  text.replace(at, what.size(), with);
}

// The commands of step 5, for rows from `begin` on and before `end`.
std::string Step5(const std::string& begin, const std::string& end) {
  const std::string text = ReadFile(kSource / "docs" / "operations.md");
  const std::size_t section = text.find("## Taking over from the trigger");
  const std::size_t code = text.find("```sh\n", section) + 6;
  std::string commands = text.substr(code, text.find("```", code) - code);
  Replace(commands, "<time of 2>", begin);
  Replace(commands, "<time of 3>", end);
  return commands;
}

class TakeoverTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    SeedCaptured(database_);
    RememberTotals();
    daemon_ = std::make_unique<DaemonProcess>(DaemonDefaults());
    producer_ = std::make_unique<Producer>(kafka_.brokers());
    postgres_.CreateDatabase("litellm");
    litellm_ = std::make_unique<Database>(postgres_.Connect("litellm"));
    const std::filesystem::path data = kSource / "tests" / "data" / "litellm";
    litellm_->Execute(ReadFile(data / "spend_logs.sql"));
    for (const std::string& row : LinesOf(data / "spend_logs.ndjson")) {
      litellm_->Execute("SELECT store_spend_log($1::jsonb)", {row});
    }
    // What an operator types runs with the configuration of this test.
    const std::filesystem::path program = folder_.path() / "usage-ingestd";
    std::ofstream(program) << "#!/bin/sh\nexec '" << USAGE_INGEST_DAEMON << "' --config '"
                           << daemon_->config_file().string() << "' \"$@\"\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  }

  void RunStep5(const std::string& begin, const std::string& end) {
    const CommandResult result =
        RunCommand({.command = {"/bin/sh", "-ec", Step5(begin, end)},
                    .environment = {{"PATH", folder_.path().string() + ":/usr/bin:/bin"},
                                    {"PGHOST", "127.0.0.1"},
                                    {"PGPORT", std::to_string(postgres_.port())},
                                    {"PGUSER", "postgres"}},
                    .working_directory = folder_.path()},
                   After(120s));
    EXPECT_EQ(result.exit_code, 0) << result.output << result.errors;
  }
  // Imports what step 5 has exported.
  std::string ImportGap() {
    const CommandResult result =
        daemon_->Run({"import", "--json", (folder_.path() / "gap.ndjson").string()});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }
  // Captured events [begin, end), published.
  void Publish(std::size_t begin, std::size_t end) {
    const std::vector<CapturedEvent> events = CapturedEvents();
    for (std::size_t i = begin; i < std::min(end, events.size()); ++i) {
      producer_->Produce({.topic = kTopic, .value = events[i].value});
    }
    producer_->Flush();
  }
  void RunDaemon() {
    daemon_->StartAndWait();
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return Totals::CaughtUp(database_, {.records = producer_->delivered()}, kafka_.admin());
    })) << daemon_->log();
  }
  void Ingest() {
    Publish(0, SIZE_MAX);
    RunDaemon();
  }
  // Each row, by what identifies and bills it.
  std::vector<std::string> Bill() {
    return database_.Lines(
        "SELECT id, created_at, subscription_id, request_tokens, response_tokens, total_cost, "
        "status_code, litellm_request_id FROM usage_logs ORDER BY 1, 2");
  }

  TempDir folder_;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<Database> litellm_;
};

constexpr char kBefore[] = "2026-11-22";
constexpr char kAfter[] = "2026-11-24";

// It counted each call twice: the times in SpendLogs are cut to milliseconds.
TEST_F(TakeoverTest, RowsThatTheTopicCoversAddNothing) {
  Ingest();
  const std::vector<std::string> bill = Bill();
  ASSERT_GT(bill.size(), 200U);
  RunStep5(kBefore, kAfter);
  ExpectSameLines("rows before and after the import", bill, Bill());
  const std::string again = ImportGap();
  EXPECT_GT(ReportField(again, "duplicates"), 80);
  EXPECT_EQ(ReportField(again, "inserted"), 0);

  // Cache hits get another suffix in each copy, and since 1.99 a key's hash can be hashed again.
  litellm_->Execute(
      "UPDATE \"LiteLLM_SpendLogs\" SET request_id = request_id || '_cache_hit1795365287.5' "
      "WHERE request_id NOT LIKE '%\\_cache\\_hit%' AND cache_hit = 'True'; "
      "UPDATE \"LiteLLM_SpendLogs\" SET request_id = regexp_replace(request_id, '[0-9.]+$', "
      "'1795365288.75') WHERE request_id LIKE '%\\_cache\\_hit%'; "
      "UPDATE \"LiteLLM_SpendLogs\" SET api_key = encode(sha256(api_key::bytea), 'hex') "
      "WHERE length(api_key) = 64");
  RunStep5(kBefore, kAfter);
  ExpectSameLines("rows before and after the import", bill, Bill());
  EXPECT_EQ(ReportField(ImportGap(), "duplicates"), ReportField(again, "duplicates"));
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
}

// The gap between the old writer and the callback; then the topic turns out to have it too.
TEST_F(TakeoverTest, TheGapIsImportedOnce) {
  RunStep5(kBefore, kAfter);
  const std::int64_t from_litellm = RowCount();
  EXPECT_GT(from_litellm, 80);
  const std::vector<std::string> gap = Bill();
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
  Ingest();
  EXPECT_EQ(database_.Number("SELECT sum(duplicates) FROM usage_ingest.kafka_offsets"),
            from_litellm);
  const std::vector<std::string> both = Bill();
  EXPECT_TRUE(std::ranges::includes(both, gap)) << "no row of LiteLLM's differs from the event's";
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
}

// docs/operations.md, UsageIngestRecordsLost.
TEST_F(TakeoverTest, RecordsThatKafkaLostAreImported) {
  Publish(0, 20);
  RunDaemon();
  ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  Publish(20, SIZE_MAX);
  for (int partition = 0; partition < partitions_; ++partition) {
    const std::int64_t end = kafka_.admin().EndOffset(kTopic, partition);
    kafka_.admin().DeleteRecordsBelow(kTopic, partition, end - 1);
  }
  RunDaemon();
  EXPECT_GT(database_.Number("SELECT sum(gap_records) FROM usage_ingest.kafka_offsets"), 100);
  EXPECT_LT(RowCount(), 40);
  RunStep5(kBefore, kAfter);
  EXPECT_GT(RowCount(), 80) << "of the calls of `concurrency`, LiteLLM's table has ten";
  EXPECT_EQ(ReportField(ImportGap(), "inserted"), 0);
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
}

TEST_F(TakeoverTest, TheTimesOfStep5AreHalfOpen) {
  const std::string middle = litellm_->Value(
      "SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY \"startTime\") "
      "FROM \"LiteLLM_SpendLogs\"");
  RunStep5(kBefore, middle);
  const std::int64_t first = RowCount();
  RunStep5(middle, kAfter);
  const std::int64_t all = RowCount();
  EXPECT_GT(first, 0);
  EXPECT_GT(all, first);
  RunStep5(kBefore, kAfter);
  EXPECT_EQ(RowCount(), all);
}

}  // namespace
}  // namespace usage_ingest::support
