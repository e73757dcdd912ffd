// INV-10: the history is the sum of the rows that were ever inserted, whatever is deleted later.
// The real writer on a real PostgreSQL, with the rights of the daemon's role.
#include "tests/integration/postgres/writer_fixture.h"

namespace usage_ingest::postgres {
namespace {

using Lines = std::vector<std::string>;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int64_t kNewYear = 1'735'689'600 * kSecond;  // 2025-01-01 00:00:00 UTC

class HistoryTest : public WriterTest {
 protected:
  HistoryTest() {
    database_.Execute(
        "SELECT usage_ingest.ensure_partition('2024-12-01');"
        "SELECT usage_ingest.ensure_partition('2025-01-01');"
        "INSERT INTO teams (id, name, alias) VALUES ('00000000-0000-0000-0000-0000000000aa', "
        "'research', 'R&D');"
        "UPDATE api_keys SET litellm_key_alias = 'laptop', team_id = "
        "'00000000-0000-0000-0000-0000000000aa'");
    for (const auto& [user, name] : {std::pair(0, "alice"), std::pair(1, "bob")}) {
      database_.Execute(
          "UPDATE users SET username = $2::text, email = $2::text || '@example.com' WHERE id = "
          "(SELECT user_id "
          "FROM subscriptions WHERE id = $1::uuid)",
          {subscriptions_[static_cast<std::size_t>(user)], name});
    }
  }

  pipeline::WriteResult MustWrite() {
    const auto written = Write();
    if (!written) throw std::runtime_error(written.error().context);
    return *written;
  }
  Lines History(const std::string& columns) {
    return database_.Lines("SELECT " + columns + " FROM usage_ingest.usage_daily");
  }
  std::int64_t Requests() {
    return Number("SELECT coalesce(sum(requests), 0)::bigint FROM usage_ingest.usage_daily");
  }
  admin::VerifyDailyReport Verify() {
    blocking::SyncConnection connection = Open("litemaas");
    const auto report = admin::VerifyDaily(connection, {});
    if (!report) throw std::runtime_error(report.error().context);
    return *report;
  }
  void ExpectSameAsRows() {
    const admin::VerifyDailyReport report = Verify();
    EXPECT_GT(report.sums_compared, 0);
    EXPECT_EQ(report.sums_missing, 0);
    EXPECT_EQ(report.sums_too_much, 0);
  }
};

// LiteMaaS changes a column that only a name is read from.
TEST_F(HistoryTest, ANameThatIsNotFoundStopsNothing) {
  database_.Execute("ALTER TABLE teams RENAME COLUMN alias TO other_alias");
  Add(0, kNewYear, 3);
  MustWrite();
  EXPECT_EQ(Number("SELECT count(*) FROM usage_logs"), 1);
  EXPECT_EQ(History("username, team_alias, requests"), (Lines{"alice\t\\N\t1\t"}));
}

TEST_F(HistoryTest, ADayHasARowWithTheNamesOfItsFirstUse) {
  Add(0, kNewYear - kSecond, 3);
  Add(0, kNewYear, 5);
  Add(0, kNewYear + kDay - kSecond, 7);
  Add(1, kNewYear, 11);
  MustWrite();
  EXPECT_EQ(
      History("day, username, user_email, team_alias, key_alias, length(key_hash), model_id, "
              "model_name, provider, requests, input_tokens, output_tokens"),
      (Lines{"2024-12-31\talice\talice@example.com\tR&D\tlaptop\t64\tmodel-a\tA\tx\t1\t3\t0\t",
             "2025-01-01\talice\talice@example.com\tR&D\tlaptop\t64\tmodel-a\tA\tx\t2\t12\t0\t",
             "2025-01-01\tbob\tbob@example.com\tR&D\tlaptop\t64\tmodel-a\tA\tx\t1\t11\t0"
             "\t"}));
  EXPECT_EQ(
      Number("SELECT count(*) FROM usage_ingest.usage_daily AS h JOIN subscriptions AS s ON "
             "s.id = h.subscription_id AND s.user_id = h.user_id JOIN api_keys AS k ON k.id = "
             "h.api_key_id AND k.team_id = h.team_id AND k.key_hash = h.key_hash"),
      3);
  database_.Execute("UPDATE users SET username = 'renamed-' || username");
  Add(0, kNewYear, 1);
  Add(0, kNewYear + kDay, 1);
  MustWrite();
  EXPECT_EQ(database_.Lines("SELECT day, username, requests FROM usage_ingest.usage_daily WHERE "
                            "username LIKE '%alice' AND day >= '2025-01-01'"),
            (Lines{"2025-01-01\talice\t3\t", "2025-01-02\trenamed-alice\t1\t"}));
  ExpectSameAsRows();
}

TEST_F(HistoryTest, EverySumIsThatOfTheRows) {
  AddJson(
      0,
      R"("startTime":1735689600,"status":"success","response_cost":0.123456,"prompt_tokens":10,"completion_tokens":5,)"
      R"("endTime":1735689601.5)",
      R"("usage_object":{"prompt_tokens_details":{"cached_tokens":4},)"
      R"("completion_tokens_details":{"reasoning_tokens":2}})");
  AddJson(
      0,
      R"("startTime":1735689600,"status":"failure","response_cost":0.000001,"prompt_tokens":1,"completion_tokens":0,)"
      R"("endTime":1735689600.25)",
      R"("usage_object":{"cache_read_input_tokens":1})");
  AddJson(
      0,
      R"("startTime":1735689600,"status":"success","response_cost":1,"prompt_tokens":7,"completion_tokens":0)",
      R"("billed_retry_attempt":true)");
  MustWrite();
  EXPECT_EQ(History("requests, errors, input_tokens, output_tokens, cached_tokens, "
                    "reasoning_tokens, cost, latency_ms_sum, latency_count"),
            (Lines{"2\t1\t18\t5\t5\t2\t1.123457\t1750\t2\t"}));
  ExpectSameAsRows();
}

TEST_F(HistoryTest, ADuplicateCountsOnce) {
  Add(0, kNewYear, 1);
  MustWrite();
  RepeatAll();
  Add(0, kNewYear, 1);
  EXPECT_EQ(MustWrite().outcomes.duplicates, 1);
  EXPECT_EQ(Requests(), 2);
  ExpectSameAsRows();
}

TEST_F(HistoryTest, NoQuotaCounts) {
  counts_quotas_ = false;
  Add(0, kNewYear, 1);
  MustWrite();
  EXPECT_EQ(Number("SELECT sum(used_requests) FROM subscriptions"), 0);
  EXPECT_EQ(Requests(), 1);
}

TEST_F(HistoryTest, ARowThatIsSetAsideCountsWhenItHeals) {
  database_.Execute("ALTER TABLE usage_logs ADD CONSTRAINT refused CHECK (request_tokens <> 13)");
  Add(0, kNewYear, 13);
  Add(0, kNewYear, 1);
  Add(1, kNewYear, 13);
  EXPECT_EQ(MustWrite().outcomes.dead_lettered, 2);
  EXPECT_EQ(Requests(), 1);
  ExpectSameAsRows();
  database_.Execute("ALTER TABLE usage_logs DROP CONSTRAINT refused");
  for (int round = 0; round < 2; ++round) {
    const auto retried = Retry();
    ASSERT_TRUE(retried) << retried.error().context;
    EXPECT_EQ(Requests(), 3);
  }
  ExpectSameAsRows();
}

// INV-9: the history itself refuses what is one subscription's.
TEST_F(HistoryTest, AFullHistoryRefusesOnlyItsOwnSubscription) {
  Add(0, kNewYear, 1);
  Add(1, kNewYear, 1);
  MustWrite();
  database_.Execute(
      "UPDATE usage_ingest.usage_daily SET input_tokens = 9223372036854775807 WHERE "
      "username = 'alice'");
  Add(0, kNewYear, 1);
  Add(1, kNewYear, 1);
  const auto written = MustWrite();
  EXPECT_EQ(written.outcomes.inserted, 1);
  EXPECT_EQ(written.outcomes.dead_lettered, 1);
  EXPECT_EQ(Number("SELECT requests FROM usage_ingest.usage_daily WHERE username = 'bob'"), 2);
  EXPECT_EQ(Number("SELECT count(*) FROM usage_logs"), 3);
}

TEST_F(HistoryTest, ItStaysWhateverIsDeleted) {
  for (std::size_t user : {0U, 1U}) {
    Add(user, kNewYear, 5);
    Add(user, kNewYear + kDay, 7);
  }
  MustWrite();
  const Lines before = History("*");
  ASSERT_EQ(before.size(), 4U);
  for (const char* sql :
       {"DELETE FROM api_keys", "DELETE FROM teams WHERE name = 'research'",
        "DELETE FROM subscriptions WHERE user_id = (SELECT id FROM users WHERE username = 'alice')",
        "DELETE FROM users WHERE username = 'alice'", "TRUNCATE users CASCADE",
        "DELETE FROM models"}) {
    database_.Execute(sql);
    EXPECT_EQ(History("*"), before) << sql;
    const admin::VerifyDailyReport report = Verify();
    EXPECT_EQ(report.sums_missing + report.sums_too_much, 0) << sql;
  }
  EXPECT_EQ(Number("SELECT count(*) FROM usage_logs"), 0);
}

TEST_F(HistoryTest, ItStaysWhenAMonthIsRetired) {
  Add(0, kNewYear - kDay, 5);
  MustWrite();
  blocking::SyncConnection connection = Open("litemaas");
  ASSERT_TRUE(admin::RetainPartitions(connection, {.plan = {.retention_months = 1}}, {}));
  ASSERT_EQ(Number("SELECT count(*) FROM usage_logs"), 0);
  EXPECT_EQ(Requests(), 1);
}

TEST_F(HistoryTest, SwitchedOffItWritesNothingAndARebuildFillsIt) {
  options_.has_history = false;
  Add(0, kNewYear, 1);
  Add(1, kNewYear, 1);
  MustWrite();
  EXPECT_EQ(Requests(), 0);
  options_.has_history = true;
  Add(0, kNewYear, 2);
  MustWrite();
  EXPECT_EQ(Requests(), 1);
  blocking::SyncConnection connection = Open("litemaas", kRole);
  const auto rebuilt = admin::RebuildDaily(connection, {});
  ASSERT_TRUE(rebuilt) << rebuilt.error().context;
  EXPECT_EQ(rebuilt->rows_repaired, 2);
  EXPECT_EQ(History("username, key_alias, requests, input_tokens"),
            (Lines{"alice\tlaptop\t2\t3\t", "bob\tlaptop\t1\t1\t"}));
  ExpectSameAsRows();
}

}  // namespace
}  // namespace usage_ingest::postgres
