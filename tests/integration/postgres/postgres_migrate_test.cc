// `migrate` as such: on nothing, on the seed, twice, at once, dry, interrupted.
#include <algorithm>
#include <thread>

#include "schema/migrations.h"
#include "tests/integration/postgres/postgres_fixture.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;

class MigrateTest : public PostgresTest {};

TEST_F(MigrateTest, EmptyDatabaseIsReadyWithinTwoSeconds) {
  Create("empty");
  const auto started = std::chrono::steady_clock::now();
  MustMigrate("empty");
  EXPECT_LT(std::chrono::steady_clock::now() - started, 2s);
  const probe::ProbeReport report = Probe("empty");
  EXPECT_TRUE(report.findings.empty()) << report.findings.front().ToLine();
  EXPECT_EQ(report.facts.migration_level, Migrations().back().number);
}

TEST_F(MigrateTest, DatabaseOfTheSeedBecomesTheSameAsAnEmptyOne) {
  Database fresh = CreateMigrated("fresh");
  Database seed = CreateSeed("seed");
  MustMigrate("seed");
  const auto expected = CatalogueLines(fresh);
  const auto actual = CatalogueLines(seed);
  std::vector<std::string> differences;
  std::ranges::set_symmetric_difference(expected, actual, std::back_inserter(differences));
  // The seed spells "as" where we spell "AS": the catalogue does not keep that. What differs is
  // text.
  std::erase_if(differences, [](const std::string& line) {
    return line.starts_with("function CREATE OR REPLACE FUNCTION public.update_updated_at") ||
           line.starts_with("function CREATE OR REPLACE FUNCTION public.check_subscription");
  });
  EXPECT_EQ(differences, std::vector<std::string>());
  EXPECT_GT(expected.size(), 250U);
}

TEST_F(MigrateTest, SecondRunDoesNothing) {
  Database database = CreateMigrated("twice");
  const auto before = CatalogueLines(database);
  const auto migrations = database.Lines("SELECT * FROM usage_ingest.migrations");
  const std::string output = MustMigrate("twice");
  EXPECT_TRUE(Holds(output, "0 steps applied")) << output;
  EXPECT_EQ(CatalogueLines(database), before);
  EXPECT_EQ(database.Lines("SELECT * FROM usage_ingest.migrations"), migrations);
}

TEST_F(MigrateTest, SeveralAtOnceAreSafe) {
  Database database = CreateSeed("crowd");
  Populate(database, 50);
  std::vector<MigrateOutcome> outcomes(4);
  {
    std::vector<std::jthread> threads;
    for (MigrateOutcome& outcome : outcomes) {
      threads.emplace_back([&outcome, this] { outcome = Migrate("crowd"); });
    }
  }
  for (const MigrateOutcome& outcome : outcomes) {
    EXPECT_TRUE(outcome.result) << outcome.result.error().context;
  }
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_ingest.migrations"),
            static_cast<std::int64_t>(Migrations().size()));
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_ingest.key_history"), 400);
}

TEST_F(MigrateTest, DryRunPrintsThePlanAndChangesNothing) {
  Database database = CreateFilledWithPlainUsage("dry");
  Populate(database, 3);
  const auto before = CatalogueLines(database);
  const MigrateOutcome outcome = Migrate("dry", {.dry_run = true});
  ASSERT_TRUE(outcome.result) << outcome.result.error().context;
  EXPECT_EQ(CatalogueLines(database), before);
  for (const char* part :
       {"ALTER TABLE public.users ADD COLUMN IF NOT EXISTS full_name",
        "CREATE INDEX CONCURRENTLY idx_api_keys_team ON public.api_keys",
        "CREATE UNIQUE INDEX CONCURRENTLY usage_ingest_usage_logs_key", "ATTACH PARTITION",
        "CREATE OR REPLACE TRIGGER update_usage_on_log", "-- Locks: SHARE ROW EXCLUSIVE",
        "INSERT INTO usage_ingest.key_history", "nothing was changed"}) {
    EXPECT_TRUE(Holds(outcome.output, part)) << part;
  }
  MustMigrate("dry");
  const MigrateOutcome after = Migrate("dry", {.dry_run = true});
  EXPECT_TRUE(Holds(after.output, "0 of ")) << after.output;
}

TEST_F(MigrateTest, DryRunWaitsForNoLock) {
  Database database = CreateFilledWithPlainUsage("locked");
  Database holder = postgres_.Connect("locked");
  holder.Execute(
      "BEGIN; LOCK TABLE users, subscriptions, api_keys, usage_logs IN ROW EXCLUSIVE "
      "MODE");
  const MigrateOutcome outcome = Migrate("locked", {.dry_run = true, .lock_wait_max = 0s});
  EXPECT_TRUE(outcome.result) << outcome.result.error().context;
}

TEST_F(MigrateTest, FailureLeavesTheLastFinishedStepAndTheNextRunGoesOn) {
  Database database = CreateSeed("interrupted");
  Populate(database, 3);
  Database holder = postgres_.Connect("interrupted");
  // SHARE ROW EXCLUSIVE of the hand-over cannot be had beside this.
  holder.Execute("BEGIN; LOCK TABLE usage_logs IN ROW EXCLUSIVE MODE");
  const MigrateOutcome blocked = Migrate("interrupted", {.lock_wait_max = 0s});
  ASSERT_FALSE(blocked.result);
  EXPECT_EQ(blocked.result.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(Holds(blocked.result.error().context, "0015_take_over_summaries"))
      << blocked.result.error().context;
  EXPECT_TRUE(Holds(blocked.result.error().context, "pg_stat_activity"));
  EXPECT_EQ(database.Number("SELECT max(number) FROM usage_ingest.migrations"), 14);
  // Nothing of the step that failed is there: its function came in the same transaction.
  EXPECT_FALSE(Holds(database.Value("SELECT prosrc FROM pg_proc WHERE proname = "
                                    "'update_usage_summary'"),
                     "latency_ms_sum"));
  holder.Execute("ROLLBACK");
  MustMigrate("interrupted");
  EXPECT_TRUE(Probe("interrupted").findings.empty());
}

TEST_F(MigrateTest, InterruptedIndexBuildIsMadeAgain) {
  Database database = CreateSeed("index");
  Populate(database, 3);
  // What a CREATE INDEX CONCURRENTLY that was killed leaves.
  database.Execute(
      "DROP INDEX idx_api_keys_team; CREATE INDEX idx_api_keys_team ON "
      "api_keys(team_id); UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
      "'idx_api_keys_team'::regclass");
  MustMigrate("index");
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), 0);
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_indexes WHERE indexname = "
                            "'idx_api_keys_team'"),
            1);
}

TEST_F(MigrateTest, DuplicatesLeaveAUniqueIndexToAPerson) {
  Database database = CreateSeed("duplicates");
  Populate(database, 3);
  database.Execute(
      "DROP INDEX unique_active_subscription; INSERT INTO subscriptions (user_id, "
      "model_id, status) SELECT user_id, model_id, 'active' FROM subscriptions");
  const std::string output = MustMigrate("duplicates");
  EXPECT_TRUE(Holds(output, "CREATE UNIQUE INDEX CONCURRENTLY unique_active_subscription"))
      << output;
  EXPECT_TRUE(Holds(output, "duplicates")) << output;
  EXPECT_EQ(database.Number("SELECT count(*) FROM subscriptions"), 12);
}

TEST_F(MigrateTest, AnotherTextOfAnAppliedStepIsRefused) {
  Database database = CreateMigrated("changed");
  database.Execute("UPDATE usage_ingest.migrations SET checksum = 'x' WHERE number = 4");
  const MigrateOutcome outcome = Migrate("changed");
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, ErrorCode::kFatal);
  EXPECT_TRUE(Holds(outcome.result.error().context, "0004_create_tables"));
}

TEST_F(MigrateTest, DatabaseOfANewerBinaryIsRefused) {
  Database database = CreateMigrated("newer");
  database.Execute(
      "INSERT INTO usage_ingest.migrations (number, name, checksum) VALUES "
      "(9999, 'x', 'x')");
  const MigrateOutcome outcome = Migrate("newer");
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(Holds(outcome.result.error().context, "newer usage-ingestd"));
}

TEST_F(MigrateTest, OtherEncodingIsRefused) {
  postgres_.Connect("postgres")
      .Execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  const MigrateOutcome outcome = Migrate("latin");
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(Holds(outcome.result.error().context, "LATIN1")) << outcome.result.error().context;
}

TEST_F(MigrateTest, DefaultTeamHasEveryUserAndMigration002LinksLegacyKeys) {
  Database database = CreateSeed("team");
  Populate(database, 1200);  // more than a batch
  MustMigrate("team");
  EXPECT_EQ(database.Number("SELECT count(*) FROM team_members WHERE team_id = "
                            "'a0000000-0000-4000-8000-000000000001' AND role = 'member'"),
            1200);
  EXPECT_EQ(database.Value("SELECT allowed_models FROM teams WHERE alias = 'default-team'"), "[]");
  EXPECT_EQ(database.Number("SELECT count(*) FROM api_key_models k JOIN api_keys a ON a.id = "
                            "k.api_key_id JOIN subscriptions s ON s.id = a.subscription_id AND "
                            "s.model_id = k.model_id AND k.created_at = a.created_at"),
            2400);
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_ingest.key_history"), 9600);
}

TEST_F(MigrateTest, OlderSummariesAreEstimatedFromTheirAverage) {
  Database database = CreateSeed("older");
  Populate(database, 10);
  database.Execute(
      "INSERT INTO usage_summaries (subscription_id, model_id, period_type, period_start, "
      "request_count, total_tokens, avg_latency_ms) SELECT id, model_id, 'hour', "
      "'2024-01-10 10:00:00+00', 3, 45, CASE WHEN model_id = 'model-a' THEN 3000000 END FROM "
      "subscriptions");
  const std::string output = MustMigrate("older");
  EXPECT_TRUE(Holds(output, "summaries rebuild")) << output;
  EXPECT_EQ(database.Lines("SELECT model_id, latency_ms_sum, latency_count, avg_latency_ms, "
                           "request_count, total_tokens, count(*) FROM usage_summaries GROUP BY "
                           "1, 2, 3, 4, 5, 6"),
            (std::vector<std::string>{"model-a\t9000000\t3\t3000000\t3\t45\t10\t",
                                      "model-b\t0\t0\t\\N\t3\t45\t10\t"}));
}

// Between the hand-over (0015) and the end of the estimates (0016) the trigger meets rows that know
// only their average.
TEST_F(MigrateTest, TriggerEstimatesARowThatTheMigrationHasNotReached) {
  Database database = CreateMigrated("between");
  Populate(database, 1);
  database.Execute(
      "INSERT INTO usage_summaries (subscription_id, model_id, period_type, period_start, "
      "request_count, avg_latency_ms) SELECT id, model_id, 'hour', date_trunc('hour', now()), 3, "
      "100 "
      "FROM subscriptions WHERE model_id = 'model-a';"
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
      "latency_ms) SELECT id, model_id, 1, 1, 500 FROM subscriptions WHERE model_id = 'model-a'");
  EXPECT_EQ(database.Value("SELECT format('%s %s %s', latency_ms_sum, latency_count, "
                           "avg_latency_ms) FROM usage_summaries WHERE period_type = 'hour'"),
            "800 4 200");
}

}  // namespace
}  // namespace usage_ingest::postgres
