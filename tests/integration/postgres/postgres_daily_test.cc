// The history beside the rows that are left: compared, and completed without losing what the rows
// no longer show.
#include <atomic>
#include <thread>

#include "tests/integration/postgres/daemon_like_writer.h"

namespace usage_ingest::postgres {
namespace {

using Lines = std::vector<std::string>;

class DailyTest : public PostgresTest {
 protected:
  void SetUp() override {
    database_ = std::make_unique<Database>(CreateMigrated("litemaas"));
    Populate(*database_, 3);
    database_->Execute(
        "SELECT usage_ingest.ensure_partition((now() - interval '4 days')::date);"
        "SELECT usage_ingest.ensure_partition('2025-01-01')");
  }

  // One row of each subscription and its key on a day, without history.
  void InsertRows(const std::string& day, int tokens = 10) {
    database_->Execute(
        "INSERT INTO usage_logs (subscription_id, api_key_id, model_id, request_tokens, "
        "response_tokens, input_cost, latency_ms, status_code, metadata, created_at) SELECT s.id, "
        "k.id, s.model_id, $2::integer, 5, 0.000001, 100, 200, '{\"cached_tokens\": 3, "
        "\"reasoning_tokens\": \"none\"}', $1::timestamptz FROM subscriptions AS s JOIN api_keys "
        "AS "
        "k ON k.subscription_id = s.id",
        {day + " 12:00Z", std::to_string(tokens)});
  }
  admin::VerifyDailyReport Verify() {
    blocking::SyncConnection connection = Open("litemaas");
    const auto report = admin::VerifyDaily(connection, {});
    if (!report) throw std::runtime_error(report.error().context);
    return *report;
  }
  std::int64_t Rebuild(bool rows_are_complete = false) {
    blocking::SyncConnection connection = Open("litemaas");
    const auto report = admin::RebuildDaily(
        connection, {.rows_are_complete = rows_are_complete, .rows_per_transaction = 2});
    if (!report) throw std::runtime_error(report.error().context);
    return report->rows_repaired;
  }
  void ExpectDiffer(std::int64_t missing, std::int64_t too_much) {
    const admin::VerifyDailyReport report = Verify();
    EXPECT_EQ(report.sums_missing, missing);
    EXPECT_EQ(report.sums_too_much, too_much);
  }
  // All days, as a whole.
  std::string History() {
    return database_
        ->Lines(
            "SELECT sum(requests), sum(input_tokens), sum(cached_tokens), "
            "sum(reasoning_tokens), sum(cost) FROM usage_ingest.usage_daily")
        .at(0);
  }

  std::unique_ptr<Database> database_;
};

TEST_F(DailyTest, ARebuildAddsWhatIsMissingOnce) {
  InsertRows("2025-01-05");
  InsertRows("2025-01-06", 20);
  ExpectDiffer(12, 0);
  EXPECT_EQ(Rebuild(), 12);
  EXPECT_EQ(History(), "12\t180\t36\t0\t0.000012\t");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.usage_daily AS h JOIN api_keys AS "
                              "k ON k.id = h.api_key_id AND k.key_hash = h.key_hash JOIN users AS "
                              "u ON u.id = h.user_id AND u.username = h.username"),
            12);
  ExpectDiffer(0, 0);
  EXPECT_EQ(Rebuild(), 0);
  EXPECT_EQ(Rebuild(/*rows_are_complete=*/true), 0);
  // A part of it is missing.
  database_->Execute("UPDATE usage_ingest.usage_daily SET cost = 0 WHERE day = '2025-01-06'");
  const admin::VerifyDailyReport report = Verify();
  EXPECT_EQ(report.sums_missing, 6);
  ASSERT_EQ(report.differences.size(), 6U);
  EXPECT_EQ(report.differences[0].day, "2025-01-06");
  EXPECT_EQ(report.differences[0].rows[6], "0.000001");
  EXPECT_EQ(report.differences[0].history[6], "0.000000");
  EXPECT_EQ(Rebuild(), 6);
  EXPECT_EQ(History(), "12\t180\t36\t0\t0.000012\t");
}

TEST_F(DailyTest, ARebuildTakesNothingAwayUnlessTheRowsAreComplete) {
  InsertRows("2025-01-05");
  InsertRows("2025-01-05", 20);
  Rebuild();
  const std::string before = History();
  database_->Execute("DELETE FROM usage_logs WHERE request_tokens = 20");
  ExpectDiffer(0, 6);
  EXPECT_EQ(Rebuild(), 0);
  EXPECT_EQ(History(), before);
  EXPECT_EQ(Rebuild(/*rows_are_complete=*/true), 6);
  EXPECT_EQ(History(), "6\t60\t18\t0\t0.000006\t");
  ExpectDiffer(0, 0);
}

// Some columns have more, some less: no one knows which side is right.
TEST_F(DailyTest, AMixedDifferenceIsKept) {
  InsertRows("2025-01-05");
  Rebuild();
  database_->Execute(
      "UPDATE usage_ingest.usage_daily SET requests = requests + 1, input_tokens = 0");
  ExpectDiffer(0, 6);
  EXPECT_EQ(Rebuild(), 0);
}

TEST_F(DailyTest, DaysWithoutAnyRowAreKept) {
  InsertRows("2025-01-05");
  Rebuild();
  const std::string before = History();
  database_->Execute("TRUNCATE usage_logs");
  InsertRows("2025-01-06");
  Rebuild();
  database_->Execute("DELETE FROM usage_logs WHERE created_at < '2025-01-06'");
  for (const bool rows_are_complete : {false, true}) {
    ExpectDiffer(0, 0);
    EXPECT_EQ(Rebuild(rows_are_complete), 0);
  }
  EXPECT_EQ(database_->Number("SELECT sum(requests) FROM usage_ingest.usage_daily WHERE day = "
                              "'2025-01-05'"),
            6);
}

TEST_F(DailyTest, ADeletedKeyIsNoDifference) {
  InsertRows("2025-01-05");
  Rebuild();
  const Lines before = database_->Lines("SELECT * FROM usage_ingest.usage_daily");
  database_->Execute("DELETE FROM api_keys");
  ExpectDiffer(0, 0);
  EXPECT_EQ(Rebuild(), 0);
  EXPECT_EQ(Rebuild(/*rows_are_complete=*/true), 0);
  EXPECT_EQ(database_->Lines("SELECT * FROM usage_ingest.usage_daily"), before);
  // What is missing now belongs to no key, and the key keeps what it had.
  database_->Execute(
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
      "status_code, created_at) SELECT id, model_id, 7, 0, 200, '2025-01-05 13:00Z' FROM "
      "subscriptions");
  ExpectDiffer(6, 0);
  EXPECT_EQ(Rebuild(), 6);
  EXPECT_EQ(database_->Lines("SELECT (key_hash IS NULL), sum(requests), sum(input_tokens) FROM "
                             "usage_ingest.usage_daily GROUP BY 1"),
            (Lines{"f\t6\t60\t", "t\t6\t42\t"}));
  ExpectDiffer(0, 0);
}

// A late event brings the partition of a retired month back, with few of its rows.
TEST_F(DailyTest, ARetiredMonthIsLeftAlone) {
  database_->Execute("SELECT usage_ingest.ensure_partition('2025-02-01')");
  InsertRows("2025-01-31");
  InsertRows("2025-02-01");
  Rebuild();
  const std::string before = History();
  blocking::SyncConnection connection = Open("litemaas");
  const auto retained = admin::RetainPartitions(
      connection,
      {.plan = {.retention_months = static_cast<int>(database_->Number(
                    "SELECT extract(year FROM age(date_trunc('month', now()), "
                    "'2025-02-01'))::bigint * 12 + "
                    "extract(month FROM age(date_trunc('month', now()), '2025-02-01'))::bigint"))}},
      {});
  ASSERT_TRUE(retained) << retained.error().context;
  database_->Execute("SELECT usage_ingest.ensure_partition('2025-01-01')");
  InsertRows("2025-01-31", 99);
  ASSERT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), 12);
  database_->Execute(
      "UPDATE usage_ingest.usage_daily SET errors = errors - 1 WHERE day = "
      "'2025-02-01'");
  ExpectDiffer(6, 0);
  for (const bool rows_are_complete : {false, true}) Rebuild(rows_are_complete);
  ExpectDiffer(0, 0);
  EXPECT_EQ(History(), before);
}

TEST_F(DailyTest, WritersGoOnWhileItIsRebuilt) {
  InsertRows("2025-01-05");
  std::atomic<bool> rebuilt = false;
  std::atomic<int> batches = 0;
  {
    std::vector<std::jthread> writers;
    for (const bool fast : {true, false}) {
      writers.emplace_back([&, fast] {
        DaemonLikeWriter daemon(postgres_.Connect("litemaas"), fast, fast ? 1 : 1000);
        while (!rebuilt || batches < 4) batches += daemon.WriteBatch(50) ? 1 : 0;
      });
    }
    for (int i = 0; i < 4; ++i) Rebuild(/*rows_are_complete=*/i % 2 != 0);
    rebuilt = true;
  }
  EXPECT_GE(batches, 4);
  ExpectDiffer(0, 0);
  EXPECT_EQ(database_->Number("SELECT sum(requests) FROM usage_ingest.usage_daily"),
            database_->Number("SELECT count(*) FROM usage_logs"));
  EXPECT_EQ(Rebuild(/*rows_are_complete=*/true), 0);
}

TEST_F(DailyTest, ASecondRebuildAtTheSameTimeIsRefused) {
  database_->Execute("SELECT pg_advisory_lock(7305801562440212770)");
  blocking::SyncConnection connection = Open("litemaas");
  const auto report = admin::RebuildDaily(connection, {});
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, ErrorCode::kUnavailable);
}

// What the rows of a database show that had no history; and a second run changes nothing.
TEST_F(DailyTest, MigrateFillsItOnce) {
  Database filled = CreateSeed("filled");
  Populate(filled, 2);
  filled.Execute(
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
      "input_cost, created_at) SELECT id, model_id, 3, 4, 0.5, '2024-01-05' FROM subscriptions");
  const std::string sums =
      "SELECT count(*), sum(requests), sum(input_tokens), sum(cost) FROM usage_ingest.usage_daily";
  EXPECT_TRUE(Holds(MustMigrate("filled"), "history: 4 rows of 1 days"));
  EXPECT_EQ(filled.Lines(sums), Lines{"4\t4\t12\t2.000000\t"});
  EXPECT_FALSE(Holds(MustMigrate("filled"), "history:"));
  // Interrupted before it was recorded, or beside a daemon that wrote: what is there is kept.
  filled.Execute(
      "DELETE FROM usage_ingest.migrations WHERE number = 30;"
      "DELETE FROM usage_ingest.usage_daily WHERE model_id = 'model-a'");
  EXPECT_TRUE(Holds(MustMigrate("filled"), "history: 2 rows of 1 days"));
  EXPECT_EQ(filled.Lines(sums), Lines{"4\t4\t12\t2.000000\t"});
}

TEST_F(DailyTest, MigrateDoesNotFillWhatIsSwitchedOff) {
  Database filled = CreateSeed("off");
  Populate(filled, 1);
  filled.Execute(
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
      "created_at) SELECT id, model_id, 3, 4, '2024-01-05' FROM subscriptions");
  const MigrateOutcome outcome = Migrate("off", {.keeps_history = false});
  ASSERT_TRUE(outcome.result) << outcome.result.error().context;
  EXPECT_TRUE(Holds(outcome.output, "history.daily is off"));
  EXPECT_EQ(filled.Number("SELECT count(*) FROM usage_ingest.usage_daily"), 0);
}

}  // namespace
}  // namespace usage_ingest::postgres
