// One test for each row of "defects of the seed" (docs/database.md): the literal seed does it, ours
// does not. What does not load is taken from the document itself (tests/data/seed).
#include <algorithm>
#include <sstream>

#include "tests/integration/postgres/postgres_fixture.h"

namespace usage_ingest::postgres {
namespace {

// The SQL of the document: its fenced blocks, one after the other.
std::vector<std::string> BlocksOfTheDocument() {
  const std::string text = ReadTestData("seed/database-schema.md");
  const std::string fence = "```sql\n";
  std::vector<std::string> blocks;
  for (std::size_t at = text.find(fence); at != std::string::npos; at = text.find(fence, at)) {
    at += fence.size();
    blocks.push_back(text.substr(at, text.find("```", at) - at));
  }
  return blocks;
}

std::string BlockWith(const std::string& part) {
  for (const std::string& block : BlocksOfTheDocument()) {
    if (Holds(block, part)) return block;
  }
  throw std::runtime_error("the document has no " + part);
}

// Lines that are neither empty nor comments, without indentation, sorted.
std::vector<std::string> LinesOf(const std::string& sql) {
  std::vector<std::string> lines;
  std::istringstream stream(sql);
  for (std::string line; std::getline(stream, line);) {
    line.erase(0, std::min(line.find_first_not_of(' '), line.size()));
    if (!line.empty() && !line.starts_with("--")) lines.push_back(line);
  }
  std::ranges::sort(lines);
  return lines;
}

class SeedDefectsTest : public PostgresTest {
 protected:
  // The seed that loads, beside ours; the same user, model and subscription in both.
  void SetUp() override {
    seed_ = std::make_unique<Database>(CreateSeed("seed"));
    ours_ = std::make_unique<Database>(CreateMigrated("ours"));
    for (Database* database : {seed_.get(), ours_.get()}) {
      database->Execute(
          "INSERT INTO users (id, username, email, oauth_provider, oauth_id) VALUES "
          "('00000000-0000-0000-0000-0000000000aa', 'u', 'u@example.com', 'o', '1');"
          "INSERT INTO models (id, name, provider) VALUES ('m', 'M', 'p');"
          "INSERT INTO subscriptions (id, user_id, model_id, status) VALUES "
          "('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-0000000000aa', 'm', "
          "'active')");
    }
  }

  // A row of January 2024, the one month that the seed has.
  static void Log(Database& database, const std::string& latency,
                  const std::string& time = "2024-01-10 10:20:00+00",
                  const std::string& status = "200") {
    database.Execute(
        "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
        "latency_ms, status_code, created_at) VALUES ('00000000-0000-0000-0000-000000000001', 'm', "
        "10, 5, " +
        latency + ", " + status + ", '" + time + "')");
  }

  static std::string AverageOfHour(Database& database) {
    return database.Value(
        "SELECT coalesce(avg_latency_ms::text, 'null') FROM usage_summaries WHERE period_type = "
        "'hour'");
  }

  std::unique_ptr<Database> seed_;
  std::unique_ptr<Database> ours_;
};

// seed/schema.sql stands for the document in all tests: it must not be made easier than that.
TEST(SeedTest, SchemaIsTheDocumentButForWhatDoesNotLoad) {
  std::string document;
  for (const std::string& block : BlocksOfTheDocument()) {
    // Made twice in the document; see ReplacingTheFirstViewKeepsItsColumns and the one after it.
    if (Holds(block, "CREATE VIEW active_subscriptions") || Holds(block, "-- Create junction")) {
      continue;
    }
    document += block;
  }
  const auto theirs = LinesOf(document);
  const auto ours = LinesOf(ReadTestData("seed/schema.sql"));
  std::vector<std::string> gone;
  std::ranges::set_difference(theirs, ours, std::back_inserter(gone));
  EXPECT_EQ(gone,
            (std::vector<std::string>{
                ") multi_model_keys ON s.id = multi_model_keys.subscription_id",
                "CONSTRAINT unique_active_subscription UNIQUE (user_id, model_id, status) WHERE "
                "status = 'active'",
                "LEFT JOIN (", "WHERE ak.is_active = true AND s2.user_id = s.user_id",
                "created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP",
                "id UUID PRIMARY KEY DEFAULT gen_random_uuid(),",
                "updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,"}));
}

TEST_F(SeedDefectsTest, UniqueConstraintWithWhereIsAPartialUniqueIndex) {
  EXPECT_EQ(SqlstateOf(*seed_, BlockWith("CREATE TABLE subscriptions (")), "42601");
  const std::string another =
      "INSERT INTO subscriptions (user_id, model_id, status) VALUES "
      "('00000000-0000-0000-0000-0000000000aa', 'm', '";
  EXPECT_EQ(SqlstateOf(*ours_, another + "active')"), "23505");
  EXPECT_EQ(SqlstateOf(*ours_, another + "cancelled')"), "");
  EXPECT_EQ(SqlstateOf(*ours_, another + "cancelled')"), "");
  EXPECT_EQ(ours_->Number("SELECT count(*) FROM pg_indexes WHERE indexname = "
                          "'unique_active_subscription'"),
            1);
}

TEST_F(SeedDefectsTest, PrimaryKeyOfAPartitionedTableHoldsThePartitionKey) {
  seed_->Execute("CREATE SCHEMA literal; SET search_path = literal, public");
  EXPECT_EQ(SqlstateOf(*seed_, BlockWith("CREATE TABLE usage_logs (")), "0A000");
  EXPECT_EQ(ours_->Value("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = "
                         "'usage_logs'::regclass AND contype = 'p'"),
            "PRIMARY KEY (id, created_at)");
}

TEST_F(SeedDefectsTest, SecondActiveSubscriptionsViewIsLateral) {
  EXPECT_EQ(SqlstateOf(*seed_, BlockWith("CREATE OR REPLACE VIEW active_subscriptions")), "42P01");
  EXPECT_EQ(ours_->Value("SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE "
                         "attrelid = 'active_subscriptions'::regclass AND attnum > 22"),
            "username email model_name provider remaining_requests remaining_tokens "
            "total_api_keys");
}

TEST_F(SeedDefectsTest, ReplacingTheFirstViewKeepsItsColumns) {
  seed_->Execute("DROP VIEW active_subscriptions");
  seed_->Execute(BlockWith("CREATE VIEW active_subscriptions"));
  MustMigrate("seed");
  EXPECT_EQ(seed_->Number("SELECT total_api_keys FROM active_subscriptions"), 0);
}

TEST_F(SeedDefectsTest, ApiKeyModelsIsMadeOnceAndSubscriptionIdIsNullable) {
  EXPECT_EQ(SqlstateOf(*seed_, BlockWith("-- Create junction table")), "42P07");
  EXPECT_EQ(SqlstateOf(*seed_, BlockWith("-- Migrate existing API key")), "");
  MustMigrate("seed");
  EXPECT_EQ(SqlstateOf(*ours_,
                       "INSERT INTO api_keys (user_id, key_hash, key_prefix) VALUES "
                       "('00000000-0000-0000-0000-0000000000aa', 'h', 'sk')"),
            "");
}

TEST_F(SeedDefectsTest, RowsOfNowFindAPartition) {
  EXPECT_EQ(
      SqlstateOf(*seed_,
                 "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, "
                 "response_tokens) VALUES ('00000000-0000-0000-0000-000000000001', 'm', 1, 1)"),
      "23514");
  for (const char* time : {"now()", "now() + interval '3 months'", "'2024-01-31 23:59:59+00'"}) {
    EXPECT_EQ(
        SqlstateOf(*ours_, std::string("INSERT INTO usage_logs (subscription_id, model_id, "
                                       "request_tokens, response_tokens, created_at) VALUES "
                                       "('00000000-0000-0000-0000-000000000001', 'm', 1, 1, ") +
                               time + ")"),
        "")
        << time;
  }
}

TEST_F(SeedDefectsTest, OneUnknownLatencyDoesNotSpoilTheAverage) {
  for (Database* database : {seed_.get(), ours_.get()}) {
    for (const char* latency : {"100", "NULL", "300"}) Log(*database, latency);
  }
  EXPECT_EQ(AverageOfHour(*seed_), "null");
  EXPECT_EQ(AverageOfHour(*ours_), "200");
  Log(*ours_, "NULL", "2024-01-10 11:20:00+00");
  EXPECT_EQ(ours_->Number("SELECT count(*) FROM usage_summaries WHERE period_type = 'hour' AND "
                          "avg_latency_ms IS NULL AND latency_count = 0"),
            1);
}

TEST_F(SeedDefectsTest, AverageIsTheRoundedQuotientOfExactSums) {
  // The seed truncates at each row: 1, (1+2)/2 = 1, (1*2+2)/3 = 1. The mean is 5/3.
  for (Database* database : {seed_.get(), ours_.get()}) {
    for (const char* latency : {"1", "2", "2"}) Log(*database, latency);
  }
  EXPECT_EQ(AverageOfHour(*seed_), "1");
  EXPECT_EQ(AverageOfHour(*ours_), "2");
  Log(*ours_, "5");  // 10/4: half away from zero
  EXPECT_EQ(AverageOfHour(*ours_), "3");
}

TEST_F(SeedDefectsTest, ManySlowRequestsDoNotOverflow) {
  for (Database* database : {seed_.get(), ours_.get()}) {
    Log(*database, "3000");
    database->Execute("UPDATE usage_summaries SET request_count = 716000");
  }
  ours_->Execute(
      "UPDATE usage_summaries SET latency_count = 716000, "
      "latency_ms_sum = 716000 * 3000::bigint");
  EXPECT_EQ(SqlstateOf(*seed_,
                       "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, "
                       "response_tokens, latency_ms, created_at) VALUES "
                       "('00000000-0000-0000-0000-000000000001', 'm', 1, 1, 3000, "
                       "'2024-01-10 10:30:00+00')"),
            "22003");
  Log(*ours_, "3000");
  EXPECT_EQ(ours_->Value("SELECT latency_ms_sum FROM usage_summaries WHERE period_type = 'hour'"),
            "2148003000");
  EXPECT_EQ(AverageOfHour(*ours_), "3000");
}

TEST_F(SeedDefectsTest, PeriodsAreOfUtcWhateverTheSessionSays) {
  for (Database* database : {seed_.get(), ours_.get()}) {
    database->Execute("SET TimeZone = 'Asia/Kolkata'");  // half an hour off
    Log(*database, "1", "2024-01-31 23:40:00+00");
    database->Execute("SET TimeZone = 'UTC'");
  }
  EXPECT_EQ(seed_->Value("SELECT period_start FROM usage_summaries"), "2024-01-31 23:30:00+00");
  EXPECT_EQ(
      ours_->Lines("SELECT period_type, period_start FROM usage_summaries"),
      (std::vector<std::string>{"day\t2024-01-31 00:00:00+00\t", "hour\t2024-01-31 23:00:00+00\t",
                                "month\t2024-01-01 00:00:00+00\t"}));
}

TEST_F(SeedDefectsTest, TotalApiKeysCountsEachOwnKeyOnce) {
  // A legacy key that was migrated to the junction table, and another user's key of the same model.
  for (Database* database : {seed_.get(), ours_.get()}) {
    database->Execute(
        "INSERT INTO users (id, username, email, oauth_provider, oauth_id) VALUES "
        "('00000000-0000-0000-0000-0000000000bb', 'v', 'v@example.com', 'o', '2');"
        "INSERT INTO api_keys (user_id, subscription_id, key_hash, key_prefix) VALUES "
        "('00000000-0000-0000-0000-0000000000aa', '00000000-0000-0000-0000-000000000001', 'a', "
        "'sk'), ('00000000-0000-0000-0000-0000000000bb', NULL, 'b', 'sk');"
        "INSERT INTO api_key_models (api_key_id, model_id) SELECT id, 'm' FROM api_keys");
  }
  // What the seed's view says once its subquery is allowed to run at all.
  EXPECT_EQ(seed_->Number(
                "SELECT coalesce(l.count, 0) + coalesce(k.count, 0) FROM subscriptions s LEFT JOIN "
                "(SELECT subscription_id, count(*) FROM api_keys WHERE subscription_id IS NOT NULL "
                "AND is_active = true GROUP BY 1) l ON l.subscription_id = s.id LEFT JOIN (SELECT "
                "s2.id, count(DISTINCT ak.id) FROM subscriptions s2 JOIN api_key_models akm ON "
                "s2.model_id = akm.model_id JOIN api_keys ak ON akm.api_key_id = ak.id WHERE "
                "ak.is_active = true GROUP BY 1) k ON k.id = s.id"),
            3);
  EXPECT_EQ(ours_->Number("SELECT total_api_keys FROM active_subscriptions"), 1);
}

TEST_F(SeedDefectsTest, TriggerKeepsHourDayAndMonth) {
  for (Database* database : {seed_.get(), ours_.get()}) {
    Log(*database, "1");
    Log(*database, "1", "2024-01-10 11:20:00+00", "500");
    Log(*database, "1", "2024-01-11 11:20:00+00");
  }
  EXPECT_EQ(seed_->Value("SELECT string_agg(DISTINCT period_type, ',') FROM usage_summaries"),
            "hour");
  EXPECT_EQ(ours_->Lines("SELECT period_type, count(*), sum(request_count), sum(total_tokens), "
                         "sum(error_count) FROM usage_summaries GROUP BY 1"),
            (std::vector<std::string>{"day\t2\t3\t45\t1\t", "hour\t3\t3\t45\t1\t",
                                      "month\t1\t3\t45\t1\t"}));
}

TEST_F(SeedDefectsTest, QuotaSuspendsAboveItFromAnyStatusAsBefore) {
  for (Database* database : {seed_.get(), ours_.get()}) {
    database->Execute("UPDATE subscriptions SET quota_requests = 2, status = 'expired'");
    Log(*database, "1");
    Log(*database, "1");
    EXPECT_EQ(database->Value("SELECT status FROM subscriptions"), "expired");
    Log(*database, "1");
    EXPECT_EQ(database->Value("SELECT status FROM subscriptions"), "suspended");
  }
}

}  // namespace
}  // namespace usage_ingest::postgres
