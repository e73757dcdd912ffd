// What a dead letter keeps of the event it was: what is wrong with it, whose it is and of when, and
// the place that identifies it when it has no id of its own.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/integration/replay_report.h"
#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

class DeadLetterOriginTest : public PipelineTest {
 protected:
  // One partition: a record's place is known.
  DeadLetterOriginTest() : PipelineTest({.partitions = 1}) {}

  // A subscription, and a key that LiteMaaS does not know by its hash yet.
  void SetUp() override {
    PipelineTest::SetUp();
    // Whole milliseconds: the time of a row is cut to them, so that it is the one of SpendLogs.
    const Row time = database_.Query(
        "SELECT t::text, extract(epoch FROM t)::text "
        "FROM date_trunc('milliseconds', now() - interval '1 day') AS s(t)")[0];
    time_ = *time[0];
    start_ = *time[1];
    database_.Execute(
        "INSERT INTO users (username, email, oauth_provider, oauth_id) "
        "VALUES ('u', 'u', 'o', 'u');"
        "INSERT INTO models (id, name, provider) VALUES ('gpt', 'g', 'x');"
        "INSERT INTO subscriptions (user_id, model_id, status) SELECT id, 'gpt', 'active' "
        "FROM users WHERE username = 'u';"
        "INSERT INTO api_keys (user_id, key_hash, key_prefix) SELECT id, 'not yet', 'sk' "
        "FROM users WHERE username = 'u'");
    RememberTotals();
    daemon_ = std::make_unique<DaemonProcess>(DaemonDefaults());
    producer_ = std::make_unique<Producer>(kafka_.brokers());
  }
  void LearnKey() {
    database_.Execute("UPDATE api_keys SET key_hash = $1 WHERE key_hash = 'not yet'", {hash_});
  }
  // `id` is a member and its comma, or nothing: then its place is its identity. All else is the
  // same but for the tokens, as of requests that came at once.
  [[nodiscard]] std::string Event(const std::string& id, int tokens) const {
    return "{" + id + R"("startTime":)" + start_ + R"(,"model_group":"gpt","prompt_tokens":)" +
           std::to_string(tokens) + R"(,"messages":["never kept"],"metadata":{)" +
           R"("user_api_key_hash":")" + hash_ + R"("}})";
  }
  // Published, read by a daemon, and the daemon gone again: nothing is retried behind our back.
  void Ingest(const std::vector<std::string>& values) {
    for (const std::string& value : values) producer_->Produce({.topic = kTopic, .value = value});
    producer_->Flush();
    daemon_->StartAndWait();
    ASSERT_TRUE(WaitUntil(After(std::chrono::seconds(60)), [&] {
      return Totals::CaughtUp(database_, {.records = producer_->delivered()}, kafka_.admin());
    })) << daemon_->log();
    ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  }
  // What it prints as JSON; fails the test unless it ends with this status.
  std::string Output(std::vector<std::string> words, int exit_code = 0) {
    words.push_back("--json");
    const CommandResult result = daemon_->Run(words);
    EXPECT_EQ(result.exit_code, exit_code) << result.errors;
    return result.output;
  }
  // Where each letter came from: "topic/partition/offset/index".
  std::vector<std::string> Places() {
    return database_.Lines(
        "SELECT concat_ws('/', topic, partition, record_offset, event_index) "
        "FROM usage_ingest.dead_letters");
  }

  const std::string hash_ = std::string(64, 'a');
  std::string time_;   // as PostgreSQL writes it
  std::string start_;  // the same as LiteLLM does
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<Producer> producer_;
};

// The columns by which operators look for letters.
TEST_F(DeadLetterOriginTest, ItSaysWhatIsWrongAndWhoseItIsAndOfWhen) {
  Ingest({Event(R"("id":"negative",)", -1), Event(R"("id":"stranger",)", 3), "torn"});
  EXPECT_EQ(
      database_.Lines("SELECT record_offset, event_index, group_id, reason, detail, key_hash, "
                      "event_id, event_time FROM usage_ingest.dead_letters"),
      (std::vector<std::string>{
          "0\t0\tusage-ingestd\tvalue_out_of_range\ta token count is negative\t" + hash_ +
              "\tnegative\t" + time_ + "\t",
          "1\t0\tusage-ingestd\tunattributed\tno api key has this hash, and no user is named\t" +
              hash_ + "\tstranger\t" + time_ + "\t",
          "2\t0\tusage-ingestd\tinvalid_json\tnot JSON\t\\N\t\\N\t\\N\t"}));
  ExpectTotalsMatch({.records = producer_->delivered(), .inserted = 0, .dead_lettered = 3});
}

// Its row is the one that the record itself would have made: read again, it is a duplicate.
TEST_F(DeadLetterOriginTest, ARetriedElementWithoutAnIdIsStillThatElementOfItsRecord) {
  const std::string topic = kTopic;
  Ingest({"[" + Event("", 3) + ",null," + Event("", 5) + "]"});
  EXPECT_EQ(Places(), (std::vector<std::string>{topic + "/0/0/0\t", topic + "/0/0/2\t"}));
  LearnKey();
  const std::string retried = Output({"dead-letters", "retry"});
  EXPECT_EQ(ReportField(retried, "inserted"), 2) << retried;
  const std::string replayed =
      Output({"replay", "--topic", kTopic, "--from-offset", "0", "--to-offset", "1"});
  EXPECT_EQ(ReportField(replayed, "inserted"), 0) << replayed;
  EXPECT_EQ(ReportField(replayed, "duplicates"), 2) << replayed;
  ExpectTotalsMatch({.records = producer_->delivered(),
                     .events = 3,
                     .inserted = 0,
                     .dead_lettered = 2,
                     .skipped = 1,
                     .rows_from_elsewhere = 2});
}

// A line of a file is identified by what it says: in another file, at another place, it is the
// same.
TEST_F(DeadLetterOriginTest, ARetriedLineWithoutAnIdIsStillThatLineOfAnyFile) {
  const TempDir files;
  const auto import = [&](const std::string& name, const std::string& text, int exit_code) {
    const std::filesystem::path file = files.path() / name;
    std::ofstream(file) << text;
    return Output({"import", file.string()}, exit_code);
  };
  constexpr int kOnlyDeadLetters = 65;
  const std::string lines = Event("", 3) + "\n" + Event("", 5) + "\n";
  const std::string imported = import("spill.ndjson", lines, kOnlyDeadLetters);
  EXPECT_EQ(ReportField(imported, "dead_lettered"), 2) << imported;
  const std::string topic = ImportTopic(database_, lines);
  EXPECT_EQ(Places(), (std::vector<std::string>{topic + "/0/1/0\t", topic + "/0/2/0\t"}));
  LearnKey();
  const std::string retried = Output({"dead-letters", "retry"});
  EXPECT_EQ(ReportField(retried, "inserted"), 2) << retried;
  for (const std::string& text : {lines, "\n" + lines}) {
    const std::string again = import("again.ndjson", text, 0);
    EXPECT_EQ(ReportField(again, "inserted"), 0) << again;
    EXPECT_EQ(ReportField(again, "duplicates"), 2) << again;
  }
  ExpectTotalsMatch({.records = {}, .rows_from_elsewhere = 2});
}

}  // namespace
}  // namespace usage_ingest::support
