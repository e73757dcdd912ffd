// Batches, videos and background responses: LiteLLM reports the usage of a job at each poll. It is
// one row, and the row is never that of a poll without usage. Also what no request of a user made.
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <thread>

#include "tests/integration/replay_report.h"
#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

constexpr char kUser[] = "00000000-0000-4000-8000-000000000001";
constexpr char kDeployment[] = "dddddddd";

struct Call {
  std::string id;
  std::string call_type;
  int second = 0;  // of the start
  int prompt_tokens = 0;
  int completion_tokens = 0;
  std::string cost = "0";
  std::string model_group = "gpt";
  std::string metadata = {};  // further members, each with a comma before it
};

class PolledJobsTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    start_ = database_.Number("SELECT extract(epoch FROM now())::bigint - 86400");
    database_.Execute(std::string("INSERT INTO users (id, username, email, oauth_provider, "
                                  "oauth_id) VALUES ('") +
                      kUser +
                      "', 'u', 'u', 'o', 'u');"
                      "INSERT INTO models (id, name, provider) VALUES ('gpt', 'g', 'x');"
                      "INSERT INTO subscriptions (user_id, model_id, status, quota_tokens) SELECT "
                      "id, 'gpt', 'active', 5000 FROM users");
    RememberTotals();
    daemon_ = std::make_unique<DaemonProcess>(DaemonDefaults());
    producer_ = std::make_unique<Producer>(kafka_.brokers());
  }

  [[nodiscard]] std::string Event(const Call& call) const {
    const std::string second = std::to_string(start_ + call.second);
    return R"({"id":")" + call.id + R"(","call_type":")" + call.call_type +
           R"(","status":"success","custom_llm_provider":"openai","startTime":)" + second +
           R"(.25,"endTime":)" + second + R"(.75,"model":"openai/gpt","model_group":")" +
           call.model_group + R"(","model_id":")" + kDeployment + R"(","response_cost":)" +
           call.cost + R"(,"prompt_tokens":)" + std::to_string(call.prompt_tokens) +
           R"(,"completion_tokens":)" + std::to_string(call.completion_tokens) +
           R"(,"metadata":{"user_api_key_user_id":")" + kUser + '"' + call.metadata + "}}";
  }
  // Each in a batch of its own.
  void Ingest(const std::vector<Call>& calls) {
    if (!daemon_->running()) daemon_->StartAndWait();
    for (const Call& call : calls) {
      producer_->Produce({.topic = kTopic, .value = Event(call)});
      producer_->Flush();
      ASSERT_TRUE(WaitUntil(After(60s), [&] {
        return Totals::CaughtUp(database_, {.records = producer_->delivered()}, kafka_.admin());
      })) << daemon_->log();
    }
  }
  CommandResult Import(const std::string& text) {
    const std::filesystem::path file = files_.path() / std::to_string(++files_made_);
    std::ofstream(file) << text;
    return daemon_->Run({"import", "--json", file.string()});
  }
  std::vector<std::string> Rows() {
    return database_.Lines(
        "SELECT litellm_request_id, model_id, request_tokens, response_tokens, total_cost "
        "FROM usage_logs ORDER BY created_at");
  }

  std::int64_t start_ = 0;
  TempDir files_;
  int files_made_ = 0;
  std::unique_ptr<DaemonProcess> daemon_;
  std::unique_ptr<Producer> producer_;
};

// One batch of 3,000 tokens suspended a quota of 5,000.
TEST_F(PolledJobsTest, ABatchThatIsPolledManyTimesIsOneRow) {
  std::vector<Call> calls = {{"batch_1", "aretrieve_batch", 0}, {"batch_1", "aretrieve_batch", 1}};
  for (int poll = 2; poll < 7; ++poll) {
    calls.push_back({"batch_1", "aretrieve_batch", 60 * poll, 2000, 1000, "0.45"});
  }
  calls.push_back({"batch_1", "aretrieve_batch", 9000});  // a poll whose answer had no usage
  calls.push_back({"batch_2", "aretrieve_batch", 9001, 1, 1, "0.01"});
  Ingest(calls);
  const std::vector<std::string> rows = {"batch_1\tgpt\t2000\t1000\t0.450000\t",
                                         "batch_2\tgpt\t1\t1\t0.010000\t"};
  EXPECT_EQ(Rows(), rows);
  const std::string billed =
      R"({"request_id":"batch_1_batch_cost","spend":0.45,"call_type":)"
      R"("aretrieve_batch","api_key":"","user":")" +
      std::string(kUser) + R"(","startTime":)" + std::to_string(start_) +
      R"(,"model_group":"gpt","prompt_tokens":2000,"completion_tokens":1000,)"
      R"("metadata":{"status":"success"}})";
  EXPECT_EQ(ReportField(Import(billed).output, "duplicates"), 1) << "LiteLLM's own bill of it";
  EXPECT_EQ(Rows(), rows);
  EXPECT_EQ(database_.Value("SELECT status FROM subscriptions"), "active");
  ExpectTotalsMatch(
      {.records = producer_->delivered(), .inserted = 2, .duplicates = 4, .skipped = 3});
}

TEST_F(PolledJobsTest, ABackgroundResponseIsOneRowUnderThePublicModel) {
  std::vector<Call> calls = {{"resp_a", "aresponses", 0}};
  for (int poll = 0; poll < 4; ++poll) {  // with another encrypted id at each poll
    calls.push_back({"resp_enc" + std::to_string(poll), "aget_responses", 9 + poll, 1000, 250,
                     "0.0125", kDeployment});
  }
  // A plain GET of a response that was billed when it was created; LiteLLM 1.110.
  calls.push_back({"resp_enc9", "aget_responses", 20, 1000, 250, "0", kDeployment});
  Ingest(calls);
  EXPECT_EQ(Rows(), (std::vector<std::string>{"resp_a\tgpt\t0\t0\t0.000000\t",
                                              "resp_enc0\tgpt\t1000\t250\t0.012500\t"}));
  ExpectTotalsMatch({.records = producer_->delivered(),
                     .inserted = 2,
                     .duplicates = 3,
                     .dead_lettered = 0,
                     .skipped = 1});
}

// Two polls have different times, so they can be rows of different partitions: no index of
// usage_logs refuses the second.
TEST_F(PolledJobsTest, TwoWritersOfOneJobWaitForEachOther) {
  Ingest({{"batch_1", "aretrieve_batch", 0, 2000, 1000, "0.45"}});
  const std::string id = database_.Value("SELECT id FROM usage_logs");
  database_.Execute("CREATE TABLE public.kept AS SELECT subscription_id, model_id FROM usage_logs");
  database_.Execute("DELETE FROM usage_logs");
  Database other = Connect();
  other.Execute("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('usage_ingest job ' || '" +
                id + "', 0))");
  std::optional<CommandResult> result;
  {
    std::jthread importer(
        [&] { result = Import(Event({"batch_1", "aretrieve_batch", 60, 2000, 1000, "0.45"})); });
    EXPECT_TRUE(WaitUntil(After(60s), [&] {
      return database_.Number(
                 "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' "
                 "AND NOT granted") > 0;
    })) << "it does not wait";
    other.Execute(
        "INSERT INTO usage_logs (id, subscription_id, model_id, request_tokens, "
        "response_tokens, created_at) SELECT '" +
        id +
        "', subscription_id, model_id, 2000, 1000, now() - interval '1 day' FROM kept; "
        "COMMIT");
  }
  ASSERT_TRUE(result);
  EXPECT_EQ(ReportField(result->output, "duplicates"), 1) << result->errors;
  EXPECT_EQ(RowCount(), 1);
}

// They add tokens and cost; the user sent one request (docs/events.md).
TEST_F(PolledJobsTest, WhatNoRequestMadeCountsAsNone) {
  const auto marked = [](const std::string& id, const std::string& mark) {
    return Call{id, "acompletion", 0, 100, 10, "0.01", "gpt", "," + mark};
  };
  Ingest({{"r", "acompletion", 0, 100, 10, "0.01"},
          marked("r-attempt-0", R"("billed_retry_attempt":true)"),
          marked("classifier", R"("internal_call_origin":"autorouter_classifier")"),
          marked("shadow", R"("is_silent_experiment":true)")});
  EXPECT_EQ(database_.Lines("SELECT used_requests, used_tokens FROM subscriptions"),
            std::vector<std::string>{"1\t440\t"});
  EXPECT_EQ(database_.Lines("SELECT DISTINCT request_count, total_tokens, total_cost, "
                            "latency_count FROM usage_summaries"),
            std::vector<std::string>{"1\t440\t0.040000\t1\t"});
  // Without the oracle: the trigger of the seed counts each row.
  Totals::ExpectRows(database_, {.records = producer_->delivered()});
  Totals::ExpectSummariesExact(database_);
  totals_->ExpectCountersExact(database_);
  EXPECT_EQ(daemon_->Run({"summaries", "verify"}).exit_code, 0);
}

}  // namespace
}  // namespace usage_ingest::support
