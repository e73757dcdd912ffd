// Records that cannot become rows: each ends as a dead letter with its reason or as a skip, and its
// neighbours are committed.
#include <gtest/gtest.h>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

struct Poison {
  const char* name;
  std::string value;
  const char* reason;  // of the dead letter
};

std::string Repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::vector<Poison> Poisons() {
  const std::string id = R"("id":"p","status":"success",)";
  const std::string times = R"("startTime":1795365287.5,"endTime":1795365288.5,)";
  const std::string tail = R"("model_group":"gpt-4o","metadata":{}})";
  return {
      {"not JSON", "this is no JSON", "invalid_json"},
      {"cut off", "{" + id + times, "invalid_json"},
      {"NUL bytes", std::string("\0\0\0", 3), "invalid_json"},
      {"bad UTF-8", "\xff\xfe\x80{", "invalid_json"},
      {"a number alone", "42", "invalid_field"},
      {"no startTime", "{" + id + R"("prompt_tokens":1,"completion_tokens":1,)" + tail,
       "invalid_field"},
      {"tokens that are a word", "{" + id + times + R"("prompt_tokens":"many",)" + tail,
       "invalid_number"},
      {"tokens beyond 2^31", "{" + id + times + R"("prompt_tokens":8000000000,)" + tail,
       "value_out_of_range"},
      {"negative tokens", "{" + id + times + R"("prompt_tokens":-1,)" + tail, "value_out_of_range"},
      {"cost beyond the column",
       "{" + id + times + R"("prompt_tokens":1,"response_cost":25762.75,)" + tail,
       "value_out_of_range"},
      {"the year 2500",
       "{" + id + R"("startTime":16725225600,"endTime":16725225601,"prompt_tokens":1,)" + tail,
       "timestamp_out_of_range"},
      {"usage of an unknown key",
       "{" + id + times + R"("prompt_tokens":1,"completion_tokens":1,)" + tail, "unattributed"},
      {"brackets to a megabyte", std::string(1'000'000, '['), "invalid_json"},
      {"three million elements", '[' + Repeated("5,", 3'000'000) + "5]", "record_too_large"},
      {"9 MB", "{" + id + times + R"("x":")" + std::string(9'000'000, 'x') + "\"," + tail,
       "record_too_large"},
  };
}

class PoisonTest : public FaultTest {
 protected:
  PoisonTest()
      : FaultTest({.partitions = 1}, {.events = 4'000, .duplicate_share = 0, .odd_share = 0}) {}

  // Everything in one partition, so that a stuck record would hold the others up.
  void PublishNeighbours(std::uint64_t count) { load_.Publish(*producer_, count); }
};

TEST_F(PoisonTest, EachKindBecomesADeadLetterAndItsNeighboursAreStored) {
  const std::vector<Poison> poisons = Poisons();
  for (const Poison& poison : poisons) {
    PublishNeighbours(100);
    producer_->Produce(
        {.topic = kTopic, .partition = 0, .key = poison.name, .value = poison.value});
  }
  load_.PublishAll(*producer_);
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->StartAndWait();
  ExpectTotalsMatch({.records = producer_->delivered(),
                     .inserted = static_cast<std::int64_t>(Events()),
                     .dead_lettered = static_cast<std::int64_t>(poisons.size())});
  const std::vector<Row> letters = database_.Query(
      "SELECT reason, octet_length(payload) FROM usage_ingest.dead_letters ORDER BY record_offset");
  ASSERT_EQ(letters.size(), poisons.size());
  for (std::size_t i = 0; i < poisons.size(); ++i) {
    EXPECT_EQ(letters[i][0], poisons[i].reason) << poisons[i].name;
    EXPECT_LE(std::stoll(letters[i][1].value_or("0")), 1 << 20) << poisons[i].name;
  }
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
}

TEST_F(PoisonTest, ARawCredentialIsStoredNowhere) {
  // LiteLLM reports a key without "sk-" as it is (tests/data/litellm/FACTS.md). Its owner is not
  // known, so the event becomes a dead letter.
  const std::string secret = "raw-credential-9f8e7d";
  const std::string event =
      R"({"id":"c","status":"success","startTime":1795365287.5,"endTime":1795365288,)"
      R"("prompt_tokens":5,"completion_tokens":5,"model_group":"m",)"
      R"("metadata":{"user_api_key_hash":")" +
      secret + R"("}})";
  producer_->Produce({.topic = kTopic, .partition = 0, .key = secret, .value = event});
  load_.PublishAll(*producer_);
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->StartAndWait();
  ExpectTotalsMatch({.records = producer_->delivered(), .dead_lettered = 1});
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_ingest.dead_letters d WHERE "
                             ""
                             "position(convert_to($1::text, 'UTF8') in payload) > 0 OR d::text "
                             "LIKE '%' || $1::text || '%'",
                             {secret}),
            0);
  EXPECT_EQ(daemon_->log().find(secret), std::string::npos);
  EXPECT_EQ(daemon_->Get("/status").body.find(secret), std::string::npos);
}

// Prompts, answers and keys must be in no log, whatever the level and whatever goes wrong with the
// event that holds them: not in its parse error, not in PostgreSQL's, not in a metric's label.
TEST_F(PoisonTest, NoPromptAnswerOrKeyIsLogged) {
  // A row that PostgreSQL refuses: its message quotes what it refuses.
  database_.Execute(
      "ALTER TABLE usage_logs ADD CONSTRAINT no_prompt CHECK (error_message IS DISTINCT FROM "
      "'PROMPT-in-error')");
  const std::string owner =
      database_.Value("SELECT user_id || ' ' || model_id FROM subscriptions LIMIT 1");
  const std::string user = owner.substr(0, owner.find(' '));
  const std::string model = owner.substr(owner.find(' ') + 1);
  const auto event = [&](const std::string& tokens, const std::string& user_id) {
    return R"({"id":"x)" + tokens + R"(","startTime":1795365287.5,"prompt_tokens":)" + tokens +
           R"(,"messages":[{"role":"user","content":"PROMPT-text"}],)"
           R"("response":{"choices":["ANSWER-text"]},"error_str":"PROMPT-in-error",)"
           R"("model_group":")" +
           model + R"(","metadata":{"user_api_key_hash":"RAWKEY-9f8e7d","user_api_key_user_id":")" +
           user_id + R"("}})";
  };
  const std::string torn = event("7", user).substr(0, 200);
  const std::vector<std::string> values = {
      event("4242", user),              // rejected_by_database
      event("5", "unknown"),            // unattributed
      event("-1", user),                // value_out_of_range
      event(R"("PROMPT-text")", user),  // invalid_number
      torn,                             // invalid_json
      "PROMPT-text",
      '[' + event("6", user) + ",\"ANSWER-text\"]",  // one is refused by PostgreSQL, one no object
      event("9", user) + "\nPROMPT-text RAWKEY-9f8e7d",
      std::string(9'000'000, ' ') + event("8", user)};  // record_too_large
  for (const std::string& value : values) {
    producer_->Produce({.topic = kTopic, .partition = 0, .key = "RAWKEY-9f8e7d", .value = value});
  }
  load_.PublishAll(*producer_);
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->StartAndWait();
  ExpectTotalsMatch({.records = producer_->delivered(),
                     .events = static_cast<std::int64_t>(Events() + values.size() + 2),
                     .inserted = static_cast<std::int64_t>(Events()),
                     .dead_lettered = static_cast<std::int64_t>(values.size() + 2)});
  EXPECT_GT(database_.Number("SELECT count(*) FROM usage_ingest.dead_letters "
                             "WHERE reason = 'rejected_by_database'"),
            0);
  const CommandResult listed = daemon_->Run({"dead-letters", "list"});
  const std::string status = daemon_->Get("/status").body;
  const std::string metrics = daemon_->Get("/metrics").body;
  EXPECT_EQ(daemon_->Terminate(), 0);
  const std::string log = daemon_->log();
  ASSERT_NE(log.find("debug"), std::string::npos) << "the level that says most";
  for (const char* secret : {"PROMPT", "ANSWER", "RAWKEY"}) {
    for (const std::string* text : {&log, &listed.output, &status, &metrics}) {
      const std::size_t at = text->find(secret);
      EXPECT_EQ(at, std::string::npos) << text->substr(at < 300 ? 0 : at - 300, 600);
    }
  }
}

// Ten thousand elements in one record: events, nulls and a bad one, all accounted for.
TEST_F(PoisonTest, AnArrayOfTenThousandIsOneRecordWithTenThousandEvents) {
  const load::EventRenderer renderer(load_.population(), load::PayloadSize::kLean);
  const load::EventStream stream(
      load_.population(),
      {.events = 12'000, .start_us = 1'795'365'287'000'000, .duplicate_share = 0, .odd_share = 0});
  std::string array = "[";
  std::string event;
  constexpr int kRows = 3'000;
  for (int i = 0; i < kRows; ++i) {
    renderer.Render(stream.At(static_cast<std::uint64_t>(i)), event);
    array += event + ",";
  }
  for (int i = kRows; i < 9'999; ++i) array += "null,";
  array += "42]";
  producer_->Produce({.topic = kTopic, .partition = 0, .value = array});
  producer_->Flush();
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->StartAndWait();
  ExpectTotalsMatch({.records = producer_->delivered(),
                     .events = 10'000,
                     .inserted = kRows,
                     .dead_lettered = 1,
                     .skipped = 9'999 - kRows});
}

}  // namespace
}  // namespace usage_ingest::support
