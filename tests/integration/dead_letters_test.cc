// `usage-ingestd dead-letters list|show|retry|discard`, as an operator types it.
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class DeadLettersTest : public PipelineTest {
 protected:
  // Three that wait for a user, one that is not JSON; of a topic that is no longer read.
  void SetUp() override {
    PipelineTest::SetUp();
    const std::string now = database_.Value("SELECT extract(epoch FROM now())");
    for (const char* id : {"first", "second", "third"}) {
      Add("unattributed",
          R"({"id":")" + std::string(id) + R"(","startTime":)" + now +
              R"(,"model_group":"gpt","prompt_tokens":3,"metadata":)" +
              R"({"user_api_key_user_id":"00000000-0000-4000-8000-000000000001"}})");
    }
    Add("invalid_json", "torn \x1b[31m");
    program_ = std::make_unique<DaemonProcess>(DaemonDefaults());
  }
  void Add(const std::string& reason, const std::string& payload) {
    database_.Execute(
        "INSERT INTO usage_ingest.dead_letters (group_id, topic, partition, record_offset, reason, "
        "detail, payload) VALUES ('g', $1, 0, (SELECT count(*) FROM usage_ingest.dead_letters), "
        "$2, 'why', convert_to($3, 'UTF8'))",
        {"elsewhere", reason, payload});
  }
  void AddUser() {
    database_.Execute(
        "INSERT INTO users (id, username, email, oauth_provider, oauth_id) VALUES "
        "('00000000-0000-4000-8000-000000000001', 'u', 'u', 'o', 'u');"
        "INSERT INTO models (id, name, provider) VALUES ('gpt', 'g', 'x');"
        "INSERT INTO subscriptions (user_id, model_id, status) VALUES "
        "('00000000-0000-4000-8000-000000000001', 'gpt', 'active')");
  }
  // What it prints; fails the test unless it ends with 0.
  std::string Output(std::vector<std::string> words) {
    words.insert(words.begin(), "dead-letters");
    const CommandResult result = program_->Run(words);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }
  std::string IdOf(int offset) {
    return database_.Value(
        "SELECT id FROM usage_ingest.dead_letters WHERE record_offset = $1::bigint",
        {std::to_string(offset)});
  }
  std::string States() {
    return database_.Value(
        "SELECT string_agg(state, ' ' ORDER BY record_offset) FROM usage_ingest.dead_letters");
  }

  std::unique_ptr<DaemonProcess> program_;
};

TEST_F(DeadLettersTest, ListShowsWhatIsPending) {
  const std::string all = Output({"list"});
  EXPECT_TRUE(Holds(all, "4 dead letters")) << all;
  EXPECT_TRUE(Holds(Output({"list", "--reason", "invalid_json"}), "1 dead letter\n"));
  EXPECT_TRUE(Holds(Output({"list", "--since", "1h", "--json"}), R"("matching":4)"));
  database_.Execute("UPDATE usage_ingest.dead_letters SET first_seen_at = now() - interval '2 h'");
  EXPECT_TRUE(Holds(Output({"list", "--since", "1h", "--json"}), R"("matching":0)"));
}

TEST_F(DeadLettersTest, ShowPrintsThePayloadAndNoTerminalCommands) {
  const std::string one = Output({"show", "--id", IdOf(1)});
  EXPECT_TRUE(Holds(one, R"({"id":"second")")) << one;
  EXPECT_FALSE(Holds(one, R"("third")"));
  const std::string torn = Output({"show", "--id", IdOf(3)});
  EXPECT_TRUE(Holds(torn, "torn ?[31m")) << torn;
  EXPECT_NE(program_->Run({"dead-letters", "show", "--id", "999999"}).exit_code, 0);
}

TEST_F(DeadLettersTest, DiscardFinishesOnlyThoseNamed) {
  EXPECT_EQ(Output({"discard", "--id", IdOf(0), "--id", IdOf(2)}), "2 dead letters discarded\n");
  EXPECT_EQ(States(), "discarded pending discarded pending");
  EXPECT_EQ(Output({"discard", "--id", IdOf(0)}), "0 dead letters discarded\n");
  EXPECT_TRUE(Holds(Output({"list", "--id", IdOf(0)}), "discarded")) << "by its id it can be seen";
}

// 625 with one cause are one line, and one command retries or discards them.
TEST_F(DeadLettersTest, GroupsShowTheCauseAndAreRetriedAndDiscardedAsAWhole) {
  database_.Execute(
      "UPDATE usage_ingest.dead_letters SET key_hash = 'abc' WHERE record_offset < 2");
  Add("invalid_field", R"({"messages":"\"model\":\"fake\"","model":"other"})");
  EXPECT_TRUE(Holds(Output({"list", "--group-by", "reason,key,model", "--json"}),
                    R"("matching":5,"groups":[{"reason":"unattributed","key":"abc","model":"gpt",)"
                    R"("dead_letters":2,)"));
  const std::string models = Output({"list", "--group-by", "model"});
  EXPECT_TRUE(Holds(models, "5 dead letters in 3 groups")) << models;
  EXPECT_TRUE(Holds(models, "other")) << models;
  EXPECT_FALSE(Holds(models, "fake")) << models;
  AddUser();
  EXPECT_TRUE(Holds(Output({"retry", "--model", "none such", "--json"}), R"("events":0)"));
  EXPECT_EQ(States(), "pending pending pending pending pending");
  EXPECT_TRUE(
      Holds(Output({"retry", "--model", "gpt", "--key", "abc", "--json"}), R"("inserted":2)"));
  EXPECT_EQ(States(), "resolved resolved pending pending pending");
  EXPECT_EQ(Output({"discard", "--model", "other"}), "1 dead letter discarded\n");
  EXPECT_EQ(States(), "resolved resolved pending pending discarded");
}

TEST_F(DeadLettersTest, RetryGoesThroughThePipeline) {
  EXPECT_TRUE(Holds(Output({"retry", "--json"}), R"("dead_lettered":4)"));
  EXPECT_EQ(States(), "pending pending pending pending");
  AddUser();
  EXPECT_TRUE(Holds(Output({"retry", "--id", IdOf(1), "--json"}), R"("inserted":1)"));
  EXPECT_EQ(States(), "pending resolved pending pending");
  EXPECT_TRUE(Holds(Output({"retry", "--reason", "unattributed", "--json"}), R"("inserted":2)"));
  EXPECT_EQ(States(), "resolved resolved resolved pending");
  EXPECT_EQ(RowCount(), 3);
  EXPECT_EQ(database_.Number("SELECT sum(used_tokens) FROM subscriptions"), 9);
}

// The daemon beside it sees what LiteMaaS has learnt, by itself, and says so.
TEST_F(DeadLettersTest, TheDaemonHealsThemAndItsMetricsShowIt) {
  program_->StartAndWait();
  ASSERT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] {
    return database_.Number("SELECT count(*) FROM usage_ingest.dead_letters WHERE attempts > 0") ==
           3;
  })) << program_->log();
  EXPECT_EQ(program_->Metric("usage_ingest_dead_letters_healed_total"), 0);
  AddUser();
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] {
    return program_->Metric("usage_ingest_dead_letters_healed_total") == 3;
  })) << program_->log();
  EXPECT_EQ(RowCount(), 3);
  EXPECT_EQ(States(), "resolved resolved resolved pending") << "of this reason only";
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] {
    return program_->Metric("usage_ingest_dead_letters_pending") == 1;
  }));
  EXPECT_EQ(program_->Terminate(), 0);
}

// The story: the letters of `import --no-quota` counted when their user came, and a subscription
// was suspended for last year's usage.
TEST_F(DeadLettersTest, WhatWasImportedWithoutQuotasCountsIntoNoneWhenItHeals) {
  const TempDir files;
  const std::string event = database_.Value(
      "SELECT convert_from(payload, 'UTF8') FROM usage_ingest.dead_letters WHERE record_offset = "
      "0");
  const auto import = [&](const std::string& id, std::vector<std::string> words) {
    std::string text = event;
    text.replace(text.find("first"), 5, id);
    std::ofstream(files.path() / id) << text;
    words.insert(words.begin(), "import");
    words.push_back((files.path() / id).string());
    const CommandResult result = program_->Run(words);
    EXPECT_EQ(result.exit_code, 65) << "every event became a dead letter";
  };
  import("uncounted", {"--no-quota"});
  import("counted", {});
  EXPECT_EQ(RowCount(), 0);
  AddUser();
  for (const char* id : {"uncounted", "counted"}) {
    Output({"retry", "--id",
            database_.Value("SELECT id FROM usage_ingest.dead_letters WHERE "
                            "event_id = $1",
                            {id})});
    const std::string used =
        database_.Value("SELECT used_requests || ' ' || used_tokens FROM subscriptions");
    EXPECT_EQ(used, id == std::string("counted") ? "1 3" : "0 0");
  }
  EXPECT_EQ(RowCount(), 2);
  EXPECT_EQ(database_.Number("SELECT sum(request_count) FROM usage_summaries "
                             "WHERE period_type = 'month'"),
            2);
}

// LiteLLM's SpendLogs can have the SHA-256 of the key's hash.
TEST_F(DeadLettersTest, ARowOfSpendLogsHealsWhenItsKeyAppears) {
  const std::string hash(64, 'a');
  const std::string time = database_.Value("SELECT to_char(now(), 'YYYY-MM-DD\"T\"HH24:MI:SS')");
  const std::string sha256 = database_.Value("SELECT encode(sha256($1::bytea), 'hex')", {hash});
  Add("unattributed", R"({"request_id":"r","spend":0.5,"user":"","api_key":")" + sha256 +
                          R"(","startTime":")" + time +
                          R"(","model_group":"gpt","prompt_tokens":3,"completion_tokens":1})");
  AddUser();
  program_->StartAndWait();
  ASSERT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] {
    return program_->Metric("usage_ingest_dead_letters_healed_total") == 3;
  })) << program_->log();
  database_.Execute("INSERT INTO api_keys (user_id, key_hash, key_prefix) SELECT id, '" + hash +
                    "', 'sk' FROM users");
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] {
    return program_->Metric("usage_ingest_dead_letters_healed_total") == 4;
  })) << program_->log();
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_logs WHERE api_key_id IS NOT NULL"), 1);
  EXPECT_EQ(program_->Terminate(), 0);
}

// attribution.retry_for: after that only a person tries again.
TEST_F(DeadLettersTest, TheDaemonLeavesOldOnesAlone) {
  database_.Execute(
      "UPDATE usage_ingest.dead_letters SET first_seen_at = now() - interval '3 hours' "
      "WHERE record_offset = 1");
  DaemonOptions options = DaemonDefaults();
  options.settings["attribution"] = {{"retry_for", "\"2h\""}};
  program_ = std::make_unique<DaemonProcess>(options);
  AddUser();
  program_->StartAndWait();
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] {
    return program_->Metric("usage_ingest_dead_letters_healed_total") == 2;
  })) << program_->log();
  // A change of the references brings forward what is young enough, and nothing else.
  database_.Execute("UPDATE subscriptions SET status = 'suspended'");
  EXPECT_TRUE(HoldsFor(std::chrono::seconds(5), [&] {
    return States() == "resolved pending resolved pending";
  })) << States();
  EXPECT_EQ(database_.Value("SELECT attempts FROM usage_ingest.dead_letters "
                            "WHERE record_offset = 1"),
            "0");
  EXPECT_EQ(program_->Terminate(), 0);
  EXPECT_NE(Output({"retry", "--id", IdOf(1)}), "");
  EXPECT_EQ(States(), "resolved resolved resolved pending");
}

// One that failed waits; the clock alone does not try it every second.
TEST_F(DeadLettersTest, TheDaemonBacksOff) {
  DaemonOptions options = DaemonDefaults();
  options.settings["attribution"] = {{"retry_dead_letters", "\"1s\""}};
  program_ = std::make_unique<DaemonProcess>(options);
  program_->StartAndWait();
  const auto attempts = [&] {
    return database_.Value(
        "SELECT string_agg(attempts::text, ' ' ORDER BY record_offset) "
        "FROM usage_ingest.dead_letters WHERE reason = 'unattributed'");
  };
  ASSERT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] { return attempts() == "1 1 1"; }))
      << attempts();
  EXPECT_TRUE(HoldsFor(std::chrono::seconds(5), [&] { return attempts() == "1 1 1"; }))
      << attempts();
  // As if it had been a while ago.
  database_.Execute(
      "UPDATE usage_ingest.dead_letters "
      "SET last_attempt_at = now() - interval '121 seconds' WHERE record_offset = 2");
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] { return attempts() == "1 1 2"; }))
      << attempts();
  EXPECT_EQ(program_->Terminate(), 0);
}

// NOTIFY is a hint: without it the timers come to the same, a little later.
TEST_F(DeadLettersTest, TheTimersDoWithoutNotifications) {
  for (const char* table : {"users", "models", "subscriptions"}) {
    database_.Execute(std::string("ALTER TABLE ") + table +
                      " DISABLE TRIGGER usage_ingest_announce");
  }
  for (const char* table : {"subscriptions", "api_keys"}) {
    database_.Execute(std::string("ALTER TABLE ") + table +
                      " DISABLE TRIGGER usage_ingest_announce_user");
  }
  DaemonOptions options = DaemonDefaults();
  options.settings["attribution"] = {{"refresh", "\"1s\""}, {"retry_dead_letters", "\"1s\""}};
  program_ = std::make_unique<DaemonProcess>(options);
  program_->StartAndWait();
  const std::string event = database_.Value(
      "SELECT convert_from(payload, 'UTF8') FROM usage_ingest.dead_letters "
      "WHERE record_offset = 0");
  Producer producer(kafka_.brokers());
  int sent = 0;
  const auto publish = [&] {
    std::string value = event;
    value.replace(value.find("first"), 5, "live" + std::to_string(++sent));
    producer.Produce({.topic = kTopic, .value = value});
    producer.Flush();
  };
  publish();
  ASSERT_TRUE(WaitUntil(After(std::chrono::seconds(60)), [&] {
    return database_.Number(
               "SELECT count(*) FROM usage_ingest.dead_letters "
               "WHERE event_id = 'live1'") == 1;
  })) << program_->log();
  AddUser();
  // The lane has just learned that there is no such user; it asks again within a second.
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] {
    publish();
    return database_.Number("SELECT count(*) FROM usage_logs WHERE litellm_request_id = 'live" +
                            std::to_string(sent - 1) + "'") == 1;
  })) << program_->log();
  // And a letter that was not tried yet is tried by the timer.
  Add("unattributed", event);
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] {
    return database_.Number("SELECT count(*) FROM usage_logs WHERE litellm_request_id = 'first'") ==
           1;
  })) << program_->log();
}

TEST_F(DeadLettersTest, FinishedOnesAreRemovedAfterTheirTimePendingOnesNever) {
  database_.Execute(
      "UPDATE usage_ingest.dead_letters SET first_seen_at = now() - interval '91 days', "
      "last_attempt_at = now() - interval '91 days'");
  Output({"discard", "--id", IdOf(0)});  // a moment ago
  database_.Execute(
      "UPDATE usage_ingest.dead_letters SET state = 'resolved' WHERE record_offset IN (1, 2)");
  database_.Execute(
      "UPDATE usage_ingest.dead_letters SET last_attempt_at = now() - interval '89 days' "
      "WHERE record_offset = 2");
  program_->StartAndWait();
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(30)), [&] {
    return database_.Number("SELECT count(*) FROM usage_ingest.dead_letters") == 3;
  })) << program_->log();
  EXPECT_EQ(States(), "discarded resolved pending");
}

}  // namespace
}  // namespace usage_ingest::support
