// Columns that LiteMaaS shows and does not fill: api_keys.last_used_at and
// subscriptions.current_spend. They change in the transaction of the events, or not at all.
#include "tests/integration/postgres/writer_fixture.h"

namespace usage_ingest::postgres {
namespace {

using Lines = std::vector<std::string>;

class KeptColumnsTest : public WriterTest {
 protected:
  KeptColumnsTest() {
    options_.keeps_last_used = true;
    options_.keeps_spend = true;
    options_.has_quota_periods = true;
  }

  void AddCost(std::size_t user, std::int64_t created_at_us, const std::string& cost) {
    Add(user, created_at_us, 1, ",\"response_cost\":" + cost);
  }
  void MustWrite() {
    const auto written = Write();
    ASSERT_TRUE(written) << written.error().context;
  }
  std::int64_t NowUs() {
    return Number("SELECT extract(epoch FROM date_trunc('second', now()))::bigint") * kSecondUs;
  }
  std::string Of(std::size_t user, const std::string& columns) {
    return database_
        .Lines("SELECT " + columns +
               " FROM subscriptions AS s JOIN api_keys AS k ON "
               "k.subscription_id = s.id WHERE s.id = '" +
               subscriptions_[user] + "'")
        .at(0);
  }
  std::string Spend(std::size_t user = 0) { return Of(user, "s.current_spend"); }
  std::string LastUsed(std::size_t user = 0) {
    return Of(user, "(extract(epoch FROM k.last_used_at) * 1000000)::bigint");
  }
  void Set(const std::string& assignments) {
    database_.Execute("UPDATE subscriptions SET " + assignments + " WHERE id = '" +
                      subscriptions_[0] + "'");
  }
};

TEST_F(KeptColumnsTest, AKeyWasUsedLastWhenItsLastRequestBegan) {
  const std::int64_t now = NowUs();
  Add(0, now - 30 * kSecondUs, 1);
  Add(0, now - 10 * kSecondUs, 1);
  Add(0, now - 20 * kSecondUs, 1);
  MustWrite();
  EXPECT_EQ(LastUsed(0), std::to_string(now - 10 * kSecondUs) + "\t");
  EXPECT_EQ(LastUsed(1), "\\N\t");
  Add(0, now - 60 * kSecondUs, 1);
  Add(1, now - 60 * kSecondUs, 1);
  MustWrite();
  EXPECT_EQ(LastUsed(0), std::to_string(now - 10 * kSecondUs) + "\t") << "never backwards";
  EXPECT_EQ(LastUsed(1), std::to_string(now - 60 * kSecondUs) + "\t");
  // LiteMaaS has seen a later call to itself.
  database_.Execute("UPDATE api_keys SET last_used_at = to_timestamp(" +
                    std::to_string(now / kSecondUs) + ")");
  Add(0, now - 5 * kSecondUs, 1);
  MustWrite();
  EXPECT_EQ(LastUsed(0), std::to_string(now) + "\t");
}

// The lane holds the turn of all lanes there, and the column is only shown.
TEST_F(KeptColumnsTest, AKeyThatAnotherTransactionChangesIsLeftToItsNextUse) {
  support::Database other(postgres_.conninfo("litemaas"));
  other.Execute("BEGIN; UPDATE api_keys SET name = 'renamed'");
  Add(0, NowUs() - kSecondUs, 1);
  MustWrite();
  EXPECT_EQ(Number("SELECT count(*) FROM usage_logs"), 1);
  EXPECT_EQ(LastUsed(0), "\\N\t");
  other.Execute("COMMIT");
  Add(0, NowUs() - kSecondUs, 1);
  MustWrite();
  EXPECT_NE(LastUsed(0), "\\N\t");
}

// The clock of LiteLLM is fast: the column would stand still until then.
TEST_F(KeptColumnsTest, NoKeyWasUsedInTheFuture) {
  Add(0, NowUs() + 3'600 * kSecondUs, 1);
  MustWrite();
  EXPECT_EQ(Of(0, "k.last_used_at <= now()"), "t\t");
}

TEST_F(KeptColumnsTest, SpendThatTheColumnCannotHoldIsLeftAlone) {
  database_.Execute(
      "DROP VIEW active_subscriptions CASCADE; ALTER TABLE subscriptions ALTER COLUMN "
      "current_spend TYPE NUMERIC(4, 2)");
  AddCost(0, NowUs(), "123.45");
  MustWrite();
  EXPECT_EQ(Number("SELECT count(*) FROM usage_logs"), 1);
  EXPECT_NE(Spend(0), "123.45\t");
}

// A cent is many events.
TEST_F(KeptColumnsTest, SpendIsTheSumOfTheCostsToTheCent) {
  for (int i = 0; i < 7; ++i) {
    AddCost(0, NowUs(), "0.004");
    AddCost(1, NowUs(), "12.345");
    MustWrite();
  }
  EXPECT_EQ(Spend(0), "0.03\t") << "0.028";
  EXPECT_EQ(Spend(1), "86.42\t") << "86.415";
  EXPECT_EQ(Number("SELECT count(*) FROM subscriptions AS s JOIN (SELECT subscription_id, "
                   "sum(total_cost) AS cost FROM usage_logs GROUP BY 1) AS l ON "
                   "l.subscription_id = s.id WHERE abs(s.current_spend - l.cost) <= 0.005"),
            2);
  Set("current_spend = 5");  // a person's number is the new beginning
  AddCost(0, NowUs(), "1");
  MustWrite();
  EXPECT_EQ(Spend(0), "6.00\t");
}

TEST_F(KeptColumnsTest, SpendStartsAgainWithThePeriod) {
  Set("budget_duration = 'monthly', used_requests = 1");
  AddCost(0, NowUs(), "2.5");
  MustWrite();
  EXPECT_EQ(Spend(), "2.50\t");
  Set("reset_at = date_trunc('second', now()) - interval '1 hour'");
  AddCost(0, NowUs() - 7200 * kSecondUs, "100");  // of the period before
  AddCost(0, NowUs(), "0.25");
  MustWrite();
  EXPECT_EQ(Spend(), "0.25\t");
  EXPECT_EQ(database_.Value("SELECT count(*) FROM audit_logs WHERE action = "
                            "'subscription.quota_reset'"),
            "1");
  AddCost(0, NowUs() - 7200 * kSecondUs, "100");
  MustWrite();
  EXPECT_EQ(Spend(), "0.25\t") << "a late event is in no period";
}

TEST_F(KeptColumnsTest, SpendEndsWhereItsColumnEnds) {
  Set("current_spend = 99999999.98");
  AddCost(0, NowUs(), "500");
  MustWrite();
  EXPECT_EQ(Spend(), "99999999.99\t");
  EXPECT_EQ(Number("SELECT count(*) FROM usage_ingest.dead_letters"), 0);
}

TEST_F(KeptColumnsTest, WhatIsOffStays) {
  options_.keeps_last_used = options_.keeps_spend = false;
  AddCost(0, NowUs(), "1");
  MustWrite();
  EXPECT_EQ(Of(0, "s.current_spend, k.last_used_at"), "0.00\t\\N\t");
  Set("current_spend = 3, reset_at = now() - interval '1 hour', used_requests = 1");
  AddCost(0, NowUs(), "1");
  MustWrite();
  EXPECT_EQ(Of(0, "s.current_spend, s.used_requests"), "3.00\t1\t")
      << "another program keeps it, and resets it";
}

TEST_F(KeptColumnsTest, ATableWithoutTheColumnsIsNoObstacle) {
  database_.Execute(
      "ALTER TABLE subscriptions DROP COLUMN current_spend CASCADE;"
      "ALTER TABLE api_keys DROP COLUMN last_used_at CASCADE");
  AddCost(0, NowUs(), "1");
  MustWrite();
  Set("reset_at = now() - interval '1 hour'");
  AddCost(0, NowUs(), "1");
  MustWrite();
  EXPECT_EQ(Number("SELECT count(*) FROM usage_logs"), 2);
  EXPECT_EQ(Of(0, "s.used_requests"), "1\t");
  for (const probe::Finding& finding : Probe("litemaas", kRole).findings) {
    EXPECT_NE(finding.severity, probe::Severity::kFatal) << finding.ToLine();
  }
}

}  // namespace
}  // namespace usage_ingest::postgres
