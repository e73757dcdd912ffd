// LiteMaaS' analytics table daily_usage_cache, filled from usage_logs.
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/support/pipeline/daemon_process.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

// The metrics of a document as text, and the same of the rows `l` of usage_logs.
std::string MetricsOf(const std::string& json) {
  std::string sql = "concat_ws(' '";
  for (const char* name : {"api_requests", "successful_requests", "failed_requests",
                           "prompt_tokens", "completion_tokens", "total_tokens", "spend"}) {
    sql += ", trim_scale((" + json + "->>'" + name + "')::numeric)";
  }
  return sql + ")";
}
constexpr const char* kCounted =
    "concat_ws(' ', count(*) FILTER (WHERE m), count(*) FILTER (WHERE m AND l.status_code < 400), "
    "count(*) FILTER (WHERE m AND l.status_code >= 400), sum(l.request_tokens), "
    "sum(l.response_tokens), sum(l.total_tokens), trim_scale(sum(l.total_cost)))";
constexpr const char* kRows =
    " FROM usage_logs AS l JOIN subscriptions AS s ON s.id = l.subscription_id LEFT JOIN api_keys "
    "AS k ON k.id = l.api_key_id JOIN models ON models.id = l.model_id CROSS JOIN LATERAL (SELECT "
    "NOT l.metadata ? 'is_silent_experiment') AS r(m), LATERAL (SELECT (l.created_at AT TIME ZONE "
    "'UTC')::date) AS d(day)";

class DailyUsageTest : public PostgresTest {
 protected:
  DailyUsageTest() : database_(CreateMigrated("litemaas")) {
    database_.Execute(ReadTestData("litemaas/analytics.sql"));
    Populate(database_, 3);
    database_.Execute(
        "UPDATE users SET roles = ARRAY['admin', 'user'] WHERE username = 'user1';"
        "UPDATE api_keys SET name = 'key', litellm_key_alias = 'alias_' || left(id::text, 4)");
    CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
    for (int days_ago : {0, 1, 2, 40}) Use(days_ago, 50);
  }

  // Rows of a UTC day, by the trigger, which keeps the summaries.
  void Use(int days_ago, int rows) {
    const std::string day =
        "date_trunc('day', now(), 'UTC') - interval '" + std::to_string(days_ago) + " days'";
    database_.Execute("SELECT usage_ingest.ensure_partition((" + day + ")::date)");
    database_.Execute(
        "INSERT INTO usage_logs (subscription_id, api_key_id, model_id, request_tokens, "
        "response_tokens, input_cost, output_cost, status_code, metadata, created_at) SELECT s.id, "
        "CASE WHEN i % 7 <> 0 THEN k.id END, s.model_id, i, 2 * i, i * 0.000123, 0.01, CASE WHEN "
        "i % 5 = 0 THEN 500 ELSE 200 END, CASE i % 4 WHEN 0 THEN '{\"provider\": \"azure\"}' "
        "WHEN 1 THEN '{\"is_silent_experiment\": true}' ELSE '{}' END::jsonb, " +
        day + " + i * interval '7 minutes' FROM generate_series(1, " + std::to_string(rows) +
        ") AS i, subscriptions AS s JOIN api_keys AS k ON k.subscription_id = s.id");
  }
  // As the daemon does it, with the privileges of its role. Returns how many days it wrote.
  int Fill() {
    Database daemon(postgres_.conninfo("litemaas", "ingest"));
    int days = 0;
    for (std::string day = "infinity"; !day.empty(); ++days) {
      day =
          daemon.Value("SELECT coalesce(usage_ingest.fill_daily_usage_cache($1)::text, '')", {day});
    }
    return days - 1;
  }
  Lines Documents() {
    return database_.Lines("SELECT date, " + MetricsOf("total_metrics") +
                           " FROM daily_usage_cache");
  }
  Lines Counted() {
    return database_.Lines(std::string("SELECT day, ") + kCounted + kRows + " GROUP BY day");
  }
  // The metrics of a level of the documents.
  Lines Level(const std::string& keys, const std::string& from, const std::string& metrics) {
    return database_.Lines("SELECT date, " + keys + ", " + MetricsOf(metrics) +
                           " FROM daily_usage_cache AS c, " + from);
  }
  Lines CountedBy(const std::string& keys) {
    return database_.Lines("SELECT day, " + keys + ", " + kCounted + kRows + " GROUP BY day, " +
                           keys);
  }

  Database database_;
};

// LiteMaaS has asked LiteLLM for today, and no event has come yet.
TEST_F(DailyUsageTest, ATodayOfLiteLlmStaysUntilThereIsUsage) {
  constexpr const char* kToday =
      "SELECT total_metrics->>'spend' FROM daily_usage_cache WHERE date = $1::date";
  const std::string today = database_.Value("SELECT (now() AT TIME ZONE 'UTC')::date");
  database_.Execute("TRUNCATE usage_logs, usage_summaries");
  database_.Execute(
      "INSERT INTO daily_usage_cache (date, raw_data, total_metrics, is_complete) VALUES "
      "($1::date, '{}', '{\"spend\": 500}', false)",
      {today});
  Fill();
  EXPECT_EQ(database_.Value(kToday, {today}), "500");
  Use(0, 50);
  Fill();
  EXPECT_NE(database_.Value(kToday, {today}), "500");
}

TEST_F(DailyUsageTest, EveryNumberIsThatOfTheRows) {
  EXPECT_EQ(Fill(), 4);
  EXPECT_EQ(Documents(), Counted());
  EXPECT_EQ(Level("u.key", "jsonb_each(aggregated_by_user) AS u", "u.value->'metrics'"),
            CountedBy("s.user_id::text"));
  EXPECT_EQ(Level("m.key", "jsonb_each(aggregated_by_model) AS m", "m.value->'metrics'"),
            CountedBy("l.model_id"));
  EXPECT_EQ(Level("p.key", "jsonb_each(aggregated_by_provider) AS p", "p.value->'metrics'"),
            CountedBy("coalesce(l.metadata->>'provider', models.provider)"));
  EXPECT_EQ(Level("m.key, u.key",
                  "jsonb_each(aggregated_by_model) AS m, jsonb_each(m.value->'users') AS u",
                  "u.value->'metrics'"),
            CountedBy("l.model_id, s.user_id::text"));
  EXPECT_EQ(Level("u.key, m.key, k.key",
                  "jsonb_each(aggregated_by_user) AS u, jsonb_each(u.value->'models') AS m, "
                  "jsonb_each(m.value->'api_keys') AS k",
                  "k.value->'metrics'"),
            CountedBy("s.user_id::text, l.model_id, coalesce(k.litellm_key_alias, 'deleted')"));
  EXPECT_EQ(database_.Lines(
                "SELECT DISTINCT u.value->>'username', u.value->>'email', u.value->>'role' FROM "
                "daily_usage_cache, jsonb_each(aggregated_by_user) AS u"),
            (Lines{"user1\tuser1@example.com\tadmin\t", "user2\tuser2@example.com\tuser\t",
                   "user3\tuser3@example.com\tuser\t"}));
  EXPECT_EQ(database_.Number("SELECT count(*) FROM daily_usage_cache WHERE is_complete = (date < "
                             "(now() AT TIME ZONE 'UTC')::date)"),
            4);
}

TEST_F(DailyUsageTest, ASecondRunChangesNothing) {
  Fill();
  const Lines before = database_.Lines("SELECT xmin, * FROM daily_usage_cache");
  EXPECT_EQ(Fill(), 0);
  EXPECT_EQ(database_.Lines("SELECT xmin, * FROM daily_usage_cache"), before);
  // LiteMaaS would soon call today out of date, whatever happened.
  database_.Execute(
      "UPDATE daily_usage_cache SET updated_at = now() - interval '3 minutes' WHERE date = (now() "
      "AT TIME ZONE 'UTC')::date");
  EXPECT_EQ(Fill(), 1);
  EXPECT_EQ(database_.Number("SELECT count(*) FROM daily_usage_cache WHERE updated_at > now() - "
                             "interval '1 minute'"),
            4);
  EXPECT_EQ(Documents(), Counted());
}

TEST_F(DailyUsageTest, LateEventsAreAddedAndDeletedUsersStay) {
  Fill();
  Use(2, 3);
  EXPECT_EQ(Fill(), 1);
  EXPECT_EQ(Documents(), Counted());
  const Lines before = Documents();
  database_.Execute("DELETE FROM users WHERE username = 'user2'");
  ASSERT_NE(Counted(), before);
  EXPECT_EQ(Fill(), 0);
  EXPECT_EQ(Documents(), before) << "analytics do not get smaller";
  // The day ends all the same.
  database_.Execute("UPDATE daily_usage_cache SET is_complete = false");
  EXPECT_EQ(Fill(), 3);
  EXPECT_EQ(Documents(), before);
  EXPECT_EQ(database_.Number("SELECT count(*) FROM daily_usage_cache WHERE is_complete"), 3);
}

TEST_F(DailyUsageTest, WhatLiteMaasWroteOfOurDaysIsReplaced) {
  database_.Execute(
      "INSERT INTO daily_usage_cache (date, raw_data, total_metrics) SELECT day, '{\"of\": "
      "\"LiteLLM\"}', '{\"api_requests\": 999999}' FROM generate_series((now() AT TIME ZONE "
      "'UTC')::date - 41, (now() AT TIME ZONE 'UTC')::date - 40, interval '1 day') AS day");
  EXPECT_EQ(Fill(), 4);
  EXPECT_EQ(database_.Lines("SELECT (now() AT TIME ZONE 'UTC')::date - date FROM daily_usage_cache "
                            "WHERE raw_data->>'of' = 'LiteLLM'"),
            Lines{"41\t"})
      << "of that day we know nothing";
}

TEST_F(DailyUsageTest, OtherColumnsOrNoTableAreNoObstacle) {
  database_.Execute(
      "ALTER TABLE daily_usage_cache DROP COLUMN aggregated_by_provider, DROP COLUMN updated_at, "
      "DROP COLUMN is_complete, ADD COLUMN note TEXT");
  EXPECT_EQ(Fill(), 4);
  EXPECT_EQ(Documents(), Counted());
  EXPECT_EQ(Fill(), 0);
  database_.Execute("DROP TABLE daily_usage_cache");
  EXPECT_EQ(Fill(), 0);
}

TEST_F(DailyUsageTest, TwoDaemonsWriteEachDayOnce) {
  Database other(postgres_.conninfo("litemaas", "ingest"));
  other.Execute("BEGIN; SELECT usage_ingest.fill_daily_usage_cache(NULL)");
  EXPECT_EQ(Fill(), 0) << "another one is at it";
  other.Execute("ROLLBACK");
  const auto options = [&](const char* mode) {
    return support::DaemonOptions{.brokers = "127.0.0.1:1",
                                  .conninfo = postgres_.conninfo("litemaas", "ingest"),
                                  .settings = {{"litemaas", {{"daily_usage_cache", mode}}}}};
  };
  support::DaemonProcess off(options("\"off\""));
  off.Start();
  ASSERT_TRUE(support::WaitUntil(support::After(30s), [&] {
    return off.Get("/metrics").status == 200 &&
           off.Metric("usage_ingest_partition_runway_seconds") > 0;
  })) << off.log();
  EXPECT_EQ(Documents(), Lines{});
  support::DaemonProcess first(options("\"on\""));
  support::DaemonProcess second(options("\"on\""));
  first.Start();
  second.Start();
  const std::string written =
      "SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = 'daily_usage_cache'";
  EXPECT_TRUE(support::WaitUntil(support::After(30s), [&] {
    return Documents() == Counted() && database_.Number(written) >= 5;
  })) << first.log();
  EXPECT_TRUE(support::HoldsFor(3s, [&] { return database_.Number(written) <= 5; }))
      << database_.Number(written) << ", one of them was rolled back";
}

}  // namespace
}  // namespace usage_ingest::postgres
