// INV-2: usage_summaries is the sum of usage_logs, whichever program writes; and it is verified and
// repaired while they write.
#include <atomic>
#include <thread>

#include "tests/integration/postgres/daemon_like_writer.h"

namespace usage_ingest::postgres {
namespace {

class SummariesTest : public PostgresTest {
 protected:
  void SetUp() override {
    database_ = std::make_unique<Database>(CreateMigrated("litemaas"));
    Populate(*database_, 3);
    // Rows of the last days may be of the month before.
    database_->Execute("SELECT usage_ingest.ensure_partition((now() - interval '4 days')::date)");
  }

  // Through the row trigger, as another writer.
  void LogByTrigger(Database& database, int rows) {
    database.Execute(
        "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
        "input_cost, latency_ms, status_code, created_at) SELECT s.id, s.model_id, i, 1, 0.5, "
        "nullif(i % 5, 0) * 100, 200 + 300 * (i % 2), now() - i * interval '1 hour' FROM "
        "(SELECT * FROM subscriptions ORDER BY id) AS s, generate_series(1, " +
        std::to_string(rows) + ") AS i");
  }

  admin::VerifyReport Verify(const admin::SummaryRange& range = {}) {
    blocking::SyncConnection connection = Open("litemaas");
    auto report = admin::VerifySummaries(connection, {.range = range});
    EXPECT_TRUE(report) << report.error().context;
    return report ? *report : admin::VerifyReport{};
  }
  admin::RebuildReport Rebuild(const admin::SummaryRange& range = {}) {
    blocking::SyncConnection connection = Open("litemaas");
    auto report = admin::RebuildSummaries(connection, {.range = range, .rows_per_transaction = 50});
    EXPECT_TRUE(report) << report.error().context;
    return report ? *report : admin::RebuildReport{};
  }
  // The counters of all subscriptions beside the rows that are there.
  void ExpectCountersExact() {
    EXPECT_EQ(database_->Number("SELECT sum(used_requests) FROM subscriptions"),
              database_->Number("SELECT count(*) FROM usage_logs"));
    EXPECT_EQ(database_->Number("SELECT sum(used_tokens) FROM subscriptions"),
              database_->Number("SELECT sum(total_tokens) FROM usage_logs"));
  }

  std::unique_ptr<Database> database_;
};

TEST_F(SummariesTest, Inv2HoldsWithMixedWriters) {
  {
    std::vector<std::jthread> writers;
    for (const bool fast : {true, false}) {
      writers.emplace_back([this, fast] {
        DaemonLikeWriter writer(postgres_.Connect("litemaas"), fast, fast ? 1 : 1000);
        // As the daemon: a batch that loses against a lock is written again. How many lose depends
        // on the machine.
        for (int written = 0; written < 15;) written += writer.WriteBatch(100) ? 1 : 0;
      });
    }
    writers.emplace_back([this] {
      Database other = postgres_.Connect("litemaas");
      for (int i = 0; i < 20; ++i) {
        // Rows in any order of subscriptions may lose a deadlock; they are rolled back whole.
        const std::string state = SqlstateOf(
            other,
            "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
            "latency_ms, created_at) SELECT id, model_id, 7, 3, NULL, now() FROM subscriptions");
        if (!state.empty() && state != "40P01") ADD_FAILURE() << state;
      }
    });
  }
  const admin::VerifyReport report = Verify();
  EXPECT_EQ(report.rows_different, 0);
  EXPECT_GT(report.rows_compared, 100);
  ExpectCountersExact();
}

TEST_F(SummariesTest, DaemonsRowsDoNotGoThroughTheRowTrigger) {
  DaemonLikeWriter writer(postgres_.Connect("litemaas"), /*fast_path=*/false, 1);
  ASSERT_TRUE(writer.WriteBatch(200));
  ExpectCountersExact();  // twice as many, were they
  LogByTrigger(*database_, 10);
  ExpectCountersExact();
  EXPECT_EQ(Verify().rows_different, 0);
}

TEST_F(SummariesTest, VerifyNamesEachDifference) {
  LogByTrigger(*database_, 10);
  const std::string hour =
      " WHERE id = '" +
      database_->Value("SELECT id FROM usage_summaries WHERE period_type = 'hour' LIMIT 1") + "'";
  database_->Execute("UPDATE usage_summaries SET total_tokens = total_tokens + 1" + hour);
  const admin::VerifyReport wrong = Verify();
  EXPECT_EQ(wrong.rows_different, 1);
  ASSERT_EQ(wrong.differences.size(), 1U);
  EXPECT_EQ(wrong.differences[0].period_type, "hour");
  EXPECT_EQ(std::stoll(wrong.differences[0].actual[1]),
            std::stoll(wrong.differences[0].expected[1]) + 1);
  EXPECT_EQ(wrong.differences[0].actual[0], wrong.differences[0].expected[0]);

  database_->Execute("DELETE FROM usage_summaries" + hour);
  EXPECT_EQ(Verify().rows_missing, 1);
  database_->Execute(
      "INSERT INTO usage_summaries (subscription_id, model_id, period_type, "
      "period_start, request_count) SELECT id, model_id, 'hour', "
      "date_trunc('hour', now()) + interval '30 minutes', 3 FROM subscriptions LIMIT "
      "1");
  const admin::VerifyReport unfounded = Verify();
  EXPECT_EQ(unfounded.rows_unfounded, 1);
  EXPECT_EQ(unfounded.rows_different, 2);
}

TEST_F(SummariesTest, AverageAloneIsADifferenceToo) {
  LogByTrigger(*database_, 3);
  database_->Execute(
      "UPDATE usage_summaries SET avg_latency_ms = avg_latency_ms + 1 WHERE "
      "period_type = 'month' AND latency_count > 0");
  EXPECT_GT(Verify().rows_different, 0);
  Rebuild();
  EXPECT_EQ(Verify().rows_different, 0);
}

TEST_F(SummariesTest, RebuildMakesWhatTheSeedLeftExact) {
  LogByTrigger(*database_, 60);
  // As the seed leaves them: hours only, no sums, a spoilt average, an hour of a half-hour zone.
  database_->Execute(
      "DELETE FROM usage_summaries WHERE period_type <> 'hour';"
      "UPDATE usage_summaries SET latency_ms_sum = 0, latency_count = 0, request_tokens = 0, "
      "response_tokens = 0, total_cost = 0, avg_latency_ms = NULL;"
      "UPDATE usage_summaries SET period_start = period_start + interval '30 minutes' WHERE "
      "model_id = 'model-a'");
  const auto report = Rebuild();
  EXPECT_GT(report.rows_repaired, 300);
  const admin::VerifyReport verified = Verify();
  EXPECT_EQ(verified.rows_different, 0);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_summaries WHERE request_count = 0 OR "
                              "extract(minute FROM period_start) <> 0"),
            0);
  EXPECT_EQ(Rebuild().rows_repaired, 0);
}

TEST_F(SummariesTest, RebuildWhileTheDaemonWritesLosesNothing) {
  LogByTrigger(*database_, 60);
  database_->Execute(
      "DELETE FROM usage_summaries WHERE model_id = 'model-a'; UPDATE usage_summaries "
      "SET request_count = 77, total_tokens = 5, latency_count = 0");
  std::atomic<bool> rebuilt = false;
  {
    std::jthread writer([&] {
      DaemonLikeWriter daemon(postgres_.Connect("litemaas"), /*fast_path=*/true, 1);
      for (int written = 0; !rebuilt || written == 0;) written += daemon.WriteBatch(50) ? 1 : 0;
    });
    for (int i = 0; i < 3; ++i) Rebuild();
    rebuilt = true;
  }
  EXPECT_EQ(Verify().rows_different, 0);
}

TEST_F(SummariesTest, RangeRepairsTheDaysItTouchesOnly) {
  LogByTrigger(*database_, 60);
  database_->Execute(
      "UPDATE usage_summaries SET request_count = request_count + 1 WHERE "
      "period_type = 'hour'");
  const auto all = Verify().rows_different;
  const auto now = database_->Number("SELECT (extract(epoch FROM now()) * 1000000)::bigint");
  const admin::SummaryRange today = {.from = EventTimeUs{now}, .to = EventTimeUs{now + 1}};
  const auto of_today = Verify(today).rows_different;
  EXPECT_LT(of_today, all);
  Rebuild(today);
  EXPECT_EQ(Verify(today).rows_different, 0);
  EXPECT_EQ(Verify().rows_different, all - of_today);
}

TEST_F(SummariesTest, PeriodsOfRetiredPartitionsAreLeftAlone) {
  database_->Execute(
      "SELECT usage_ingest.ensure_partition('2020-05-01');"
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, "
      "response_tokens, created_at) SELECT id, model_id, 1, 1, '2020-05-05' FROM "
      "subscriptions");
  blocking::SyncConnection connection = Open("litemaas");
  ASSERT_TRUE(admin::RetainPartitions(connection, {.plan = {.retention_months = 12}}, {}));
  EXPECT_EQ(Verify().rows_different, 0);
  Rebuild();
  EXPECT_EQ(database_->Number("SELECT sum(request_count) FROM usage_summaries WHERE period_type = "
                              "'month'"),
            6);
}

TEST_F(SummariesTest, SecondRebuildAtTheSameTimeIsRefused) {
  database_->Execute("SELECT pg_advisory_lock(7305801562440212770)");
  blocking::SyncConnection connection = Open("litemaas");
  const auto report = admin::RebuildSummaries(connection, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kUnavailable);
}

TEST_F(SummariesTest, DaemonsRoleCanVerifyAndRebuild) {
  CreateDaemonRole("ingest", "litemaas", /*fast=*/false);
  LogByTrigger(*database_, 5);
  database_->Execute(
      "INSERT INTO usage_summaries (subscription_id, model_id, period_type, "
      "period_start, request_count) SELECT id, model_id, 'day', "
      "date_trunc('day', now()) - interval '2 days', 3 FROM subscriptions");
  blocking::SyncConnection connection = Open("litemaas", "ingest");
  const auto report = admin::RebuildSummaries(connection, {});
  ASSERT_TRUE(report) << report.error().context;
  // It may not delete, so they are zeros, which count as none.
  EXPECT_EQ(Verify().rows_different, 0);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_summaries WHERE request_count = 0"), 6);
}

TEST_F(SummariesTest, ViewsShowTheRightNumbers) {
  database_->Execute(
      "DELETE FROM api_keys; INSERT INTO usage_logs (subscription_id, model_id, request_tokens, "
      "response_tokens, latency_ms, status_code, created_at) SELECT id, model_id, 10, 5, 100 * i, "
      "CASE i WHEN 3 THEN 500 ELSE 200 END, '2024-01-10 10:00:00+00'::timestamptz + i * interval "
      "'1 "
      "hour' FROM subscriptions, generate_series(1, 3) AS i;"
      "INSERT INTO api_keys (id, user_id, name, key_hash, key_prefix) SELECT "
      "'00000000-0000-0000-0000-00000000000a', id, 'k', 'h', 'sk' FROM users WHERE username = "
      "'user1';"
      "INSERT INTO api_key_models (api_key_id, model_id, created_at) VALUES "
      "('00000000-0000-0000-0000-00000000000a', 'model-b', '2024-01-01'), "
      "('00000000-0000-0000-0000-00000000000a', 'model-a', '2024-01-02')");
  EXPECT_EQ(database_->Lines("SELECT username, model_id, model_name, provider, "
                             "2000000000 - remaining_requests, 2000000000 - remaining_tokens, "
                             "total_api_keys FROM active_subscriptions WHERE username < 'user3'"),
            (std::vector<std::string>{
                "user1\tmodel-a\tA\tx\t3\t45\t1\t", "user1\tmodel-b\tB\ty\t3\t45\t1\t",
                "user2\tmodel-a\tA\tx\t3\t45\t0\t", "user2\tmodel-b\tB\ty\t3\t45\t0\t"}));
  EXPECT_EQ(database_->Lines("SELECT DISTINCT usage_date, request_count, total_tokens, "
                             "round(avg_latency_ms), error_count FROM usage_statistics"),
            std::vector<std::string>{"2024-01-10 00:00:00+00\t3\t45\t200\t1\t"});
  EXPECT_EQ(
      database_->Lines("SELECT name, model_ids, model_names, model_providers, model_count FROM "
                       "api_keys_with_models"),
      std::vector<std::string>{"k\t{model-b,model-a}\t{B,A}\t{y,x}\t2\t"});
  database_->Execute("UPDATE subscriptions SET expires_at = now() - interval '1 day'");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM active_subscriptions"), 0);
}

}  // namespace
}  // namespace usage_ingest::postgres
