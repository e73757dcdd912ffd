// `migrate` on databases that LiteMaaS filled: what is missing is added, what differs and works is
// accepted, what does not is refused with the SQL for a person.
#include "tests/integration/postgres/postgres_fixture.h"

namespace usage_ingest::postgres {
namespace {

class MigrateFilledTest : public PostgresTest {
 protected:
  // Text of all rows, whatever columns the table has now.
  static std::vector<std::string> Rows(Database& database, const std::string& columns,
                                       const std::string& table) {
    return database.Lines("SELECT " + columns + " FROM " + table);
  }

  static void LogPlainUsage(Database& database, int rows) {
    database.Execute(
        "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
        "latency_ms, status_code, created_at) SELECT s.id, s.model_id, 10, 5, i, 200, now() - i * "
        "interval '1 day' FROM (SELECT * FROM subscriptions LIMIT 1) AS s, generate_series(0, " +
        std::to_string(rows - 1) + ") AS i");
  }
};

TEST_F(MigrateFilledTest, ValuesAndTypesStayAndWhatIsMissingIsAdded) {
  Database database = CreateFilled("filled");
  Populate(database, 20);
  const char* users =
      "id, username, email, oauth_provider, oauth_id, roles, is_active, "
      "budget_period, sync_status, created_at, updated_at";
  const char* subscriptions =
      "id, user_id, model_id, status, quota_requests, quota_tokens, "
      "used_requests, used_tokens, status_reason, created_at, updated_at";
  const char* keys =
      "id, subscription_id, user_id, key_hash, key_prefix, lite_llm_key_value, "
      "permissions, created_at, updated_at, archived_at";
  const auto users_before = Rows(database, users, "users");
  const auto subscriptions_before = Rows(database, subscriptions, "subscriptions");
  const auto keys_before = Rows(database, keys, "api_keys");
  const std::string types =
      "SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod) FROM pg_attribute "
      "WHERE attrelid IN ('users'::regclass, 'subscriptions'::regclass, 'teams'::regclass) AND "
      // sums that can become full are widened
      "attnum BETWEEN 1 AND 11 AND attname NOT IN ('quota_tokens', 'used_tokens')";
  const auto types_before = database.Lines(types);

  MustMigrate("filled");
  EXPECT_EQ(Rows(database, users, "users"), users_before);
  EXPECT_EQ(Rows(database, subscriptions, "subscriptions"), subscriptions_before);
  EXPECT_EQ(Rows(database, keys, "api_keys"), keys_before);
  EXPECT_EQ(database.Lines(types), types_before);
  EXPECT_EQ(database.Value("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE "
                           "attrelid = 'subscriptions'::regclass AND attname = 'status'"),
            "character varying(20)");
  EXPECT_EQ(database.Value("SELECT allowed_models FROM teams WHERE alias = 'default-team'"), "{}");
  EXPECT_EQ(database.Number("SELECT count(*) FROM team_members"), 20);
  // An added column brings its foreign key, checked.
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_constraint WHERE conname = "
                            "'api_keys_team_id_fkey' AND convalidated"),
            1);
  // An index of another name on the same columns is enough.
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_indexes WHERE tablename = 'subscriptions' AND "
                            "indexdef LIKE '%(user_id)'"),
            1);
  EXPECT_TRUE(Probe("filled").ok());
}

// The daemon's statements and the row trigger work on VARCHAR status.
TEST_F(MigrateFilledTest, QuotaTriggerSuspendsOnVarcharStatus) {
  Database database = CreateFilled("varchar");
  Populate(database, 1);
  MustMigrate("varchar");
  database.Execute(
      "UPDATE subscriptions SET quota_tokens = 1 WHERE model_id = 'model-a';"
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, "
      "response_tokens) SELECT id, model_id, 1, 1 FROM subscriptions");
  EXPECT_EQ(database.Lines("SELECT model_id, status, used_requests FROM subscriptions"),
            (std::vector<std::string>{"model-a\tsuspended\t1\t", "model-b\tactive\t1\t"}));
}

TEST_F(MigrateFilledTest, SubscriptionsWithoutQuotaAreAnnounced) {
  Database database = CreateFilled("zero");
  Populate(database, 4);
  database.Execute(
      "UPDATE subscriptions SET quota_requests = 5, used_requests = 5 WHERE model_id = 'model-a';"
      "UPDATE subscriptions SET quota_tokens = 0 WHERE model_id = 'model-b'");
  EXPECT_TRUE(Holds(MustMigrate("zero"), "4 active subscriptions have no quota left"));
}

TEST_F(MigrateFilledTest, TypesThatDoNotWorkAreRefusedBeforeAnythingIsChanged) {
  Database database = CreateFilledWithPlainUsage("refused");
  database.Execute(
      "ALTER TABLE usage_logs DROP CONSTRAINT usage_logs_team_id_fkey;"
      "ALTER TABLE usage_logs ALTER COLUMN team_id TYPE text USING team_id::text");
  const auto before = CatalogueLines(database);
  const MigrateOutcome outcome = Migrate("refused");
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(outcome.result.error().code, ErrorCode::kFatal);
  const std::string& text = outcome.result.error().context;
  EXPECT_TRUE(Holds(text, "public.usage_logs.team_id: its type is text")) << text;
  EXPECT_TRUE(Holds(text,
                    "ALTER TABLE public.usage_logs ALTER COLUMN team_id TYPE uuid USING "
                    "team_id::text::uuid;"))
      << text;
  EXPECT_EQ(CatalogueLines(database), before);
}

TEST_F(MigrateFilledTest, StatusThatCannotSuspendIsSaidWithItsFix) {
  Database database = CreateFilled("status");
  database.Execute(
      "ALTER TABLE subscriptions DROP CONSTRAINT subscriptions_status_check, ADD "
      "CONSTRAINT subscriptions_status_check CHECK (status IN ('active', 'ended'))");
  const MigrateOutcome outcome = Migrate("status");
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(Holds(outcome.output, "it cannot hold 'suspended'")) << outcome.output;
  EXPECT_TRUE(Holds(outcome.output, "DROP CONSTRAINT \"subscriptions_status_check\""));
}

TEST_F(MigrateFilledTest, PlainUsageLogsWithRowsBecomesAPartition) {
  Database database = CreateFilledWithPlainUsage("plain");
  Populate(database, 5);
  LogPlainUsage(database, 400);
  const auto rows = Rows(database, "*", "usage_logs");
  const std::string output = MustMigrate("plain");
  EXPECT_TRUE(Holds(output, "usage_logs: partitioned")) << output;
  EXPECT_EQ(Rows(database,
                 "id, subscription_id, api_key_id, team_id, model_id, request_tokens, "
                 "response_tokens, total_tokens, input_cost, output_cost, total_cost, "
                 "latency_ms, status_code, region, created_at",
                 "usage_logs"),
            rows);
  EXPECT_EQ(database.Value("SELECT relkind FROM pg_class WHERE oid = 'usage_logs'::regclass"), "p");
  // A view and the rights of other roles refer to the new table.
  database.Execute(
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, "
      "response_tokens, created_at) SELECT id, model_id, 1, 1, now() + interval '3 "
      "months' FROM subscriptions LIMIT 1");
  EXPECT_EQ(database.Number("SELECT requests FROM usage_by_region"), 401);
  EXPECT_EQ(database.Number("SELECT sum(request_count) FROM usage_statistics"), 401);
  EXPECT_EQ(database.Value("SELECT has_table_privilege('reporting_of_tests', 'usage_logs', "
                           "'SELECT') AND NOT has_table_privilege('reporting_of_tests', "
                           "'usage_logs', 'INSERT')"),
            "t");
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_attribute WHERE attrelid = "
                            "'usage_logs'::regclass AND attacl IS NOT NULL"),
            1);
  // Nothing of the preparation is left.
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_constraint WHERE conname LIKE "
                            "'usage_ingest_%'"),
            0);
  EXPECT_TRUE(Probe("plain").ok());

  blocking::SyncConnection connection = Open("plain");
  ASSERT_TRUE(admin::RebuildSummaries(connection, {}));
  const auto verified = admin::VerifySummaries(connection, {});
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->rows_different, 0);
  EXPECT_EQ(database.Number("SELECT sum(request_count) FROM usage_summaries WHERE period_type = "
                            "'day'"),
            401);
}

// Its sequence must outlive the old table, which is dropped here and by retention some day.
TEST_F(MigrateFilledTest, NewPartitionsAreInTheTablespaceOfThePlainUsageLogs) {
  Database database = CreateFilledWithPlainUsage("placed");
  database.Execute("SET allow_in_place_tablespaces = on");
  database.Execute("CREATE TABLESPACE \"Large disk\" LOCATION ''");
  database.Execute("ALTER TABLE usage_logs SET TABLESPACE \"Large disk\"");
  MustMigrate("placed");
  database.Execute("SELECT usage_ingest.ensure_partition('2017-02-01')");
  // Of the first steps there is only the seed's example, 2024_01.
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_partition_tree('usage_logs') JOIN pg_class "
                            "ON oid = relid WHERE reltablespace = 0 AND relname <> "
                            "'usage_logs_2024_01'"),
            0);
}

TEST_F(MigrateFilledTest, SerialColumnOfAPlainUsageLogsGoesOnCounting) {
  for (const bool has_rows : {false, true}) {
    const std::string name = has_rows ? "with_rows" : "without_rows";
    Database database = CreateFilled(name);
    std::string plain = ReadTestData("databases/filled_with_plain_usage.sql");
    plain.replace(plain.find("CREATE ROLE reporting_of_tests;"), 31, "");
    if (!has_rows) CreateRole("reporting_of_tests");
    database.Execute(plain + "; ALTER TABLE usage_logs ADD COLUMN number SERIAL");
    Populate(database, 1);
    if (has_rows) LogPlainUsage(database, 5);
    MustMigrate(name);
    LogPlainUsage(database, 1);
    EXPECT_EQ(database.Number("SELECT max(number) FROM usage_logs"), has_rows ? 6 : 1);
    if (!has_rows) continue;
    database.Execute(
        "DO $$ DECLARE part TEXT; BEGIN SELECT name INTO part FROM "
        "usage_ingest.partitions_of_usage_logs() WHERE from_time = '-infinity'; EXECUTE 'DROP "
        "TABLE ' || part; END $$; SELECT usage_ingest.ensure_partition(now()::date)");
    LogPlainUsage(database, 1);
    EXPECT_EQ(database.Number("SELECT max(number) FROM usage_logs"), 7);
  }
}

TEST_F(MigrateFilledTest, EmptyPlainUsageLogsIsReplaced) {
  Database database = CreateFilledWithPlainUsage("nothing");
  MustMigrate("nothing");
  EXPECT_EQ(
      database.Number("SELECT count(*) FROM pg_class WHERE relname LIKE 'usage_logs_before%'"), 0);
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_by_region"), 0);
  EXPECT_TRUE(Probe("nothing").ok());
}

TEST_F(MigrateFilledTest, InterruptedPartitioningGoesOn) {
  Database database = CreateFilledWithPlainUsage("again");
  Populate(database, 2);
  LogPlainUsage(database, 50);
  // A reader that stays keeps the rename out, not what comes before it.
  Database reader = postgres_.Connect("again");
  reader.Execute("BEGIN; SELECT count(*) FROM subscriptions");
  reader.Execute("LOCK TABLE usage_logs IN ACCESS SHARE MODE");
  MigrateOutcome blocked = Migrate("again", {.lock_wait_max = std::chrono::seconds(0)});
  ASSERT_FALSE(blocked.result);
  reader.Execute("ROLLBACK");
  // Once it got as far as the bound: the next run starts from there.
  database.Execute(
      "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS usage_ingest_usage_logs_key ON "
      "usage_logs (id, created_at)");
  database.Execute("ALTER TABLE usage_logs DROP CONSTRAINT IF EXISTS usage_ingest_bound");
  database.Execute(
      "ALTER TABLE usage_logs ADD CONSTRAINT usage_ingest_bound CHECK (id IS NOT NULL "
      "AND created_at IS NOT NULL AND created_at < '2020-01-01 00:00:00+00') NOT VALID");
  MustMigrate("again");
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_logs"), 50);
  EXPECT_TRUE(Probe("again").ok());
}

TEST_F(MigrateFilledTest, WhatStandsInTheWayOfPartitioningIsNamed) {
  Database database = CreateFilledWithPlainUsage("obstacles");
  database.Execute(
      "CREATE TABLE invoices (log_id UUID REFERENCES usage_logs(id));"
      "CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM usage_logs;"
      "CREATE FUNCTION rows_of_usage() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM "
      "usage_logs; END;"
      "CREATE PUBLICATION usage FOR TABLE usage_logs;"
      "ALTER TABLE usage_logs ADD COLUMN number BIGINT GENERATED ALWAYS AS IDENTITY");
  const MigrateOutcome outcome = Migrate("obstacles");
  ASSERT_FALSE(outcome.result);
  const std::string& text = outcome.result.error().context;
  EXPECT_TRUE(Holds(text, "ALTER TABLE invoices DROP CONSTRAINT invoices_log_id_fkey")) << text;
  EXPECT_TRUE(Holds(text, "DROP MATERIALIZED VIEW totals")) << text;
  EXPECT_TRUE(Holds(text, "DROP FUNCTION rows_of_usage()")) << text;
  EXPECT_TRUE(Holds(text, "ALTER PUBLICATION usage DROP TABLE public.usage_logs")) << text;
  EXPECT_TRUE(Holds(text, "ALTER COLUMN number DROP IDENTITY")) << text;
  EXPECT_EQ(database.Value("SELECT relkind FROM pg_class WHERE oid = 'usage_logs'::regclass"), "r");
}

TEST_F(MigrateFilledTest, RowsWithoutATimeAreNamed) {
  Database database = CreateFilledWithPlainUsage("timeless");
  Populate(database, 1);
  LogPlainUsage(database, 1);
  database.Execute("UPDATE usage_logs SET created_at = NULL");
  const MigrateOutcome outcome = Migrate("timeless");
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(Holds(outcome.result.error().context, "WHERE created_at IS NULL"))
      << outcome.result.error().context;
}

TEST_F(MigrateFilledTest, PartitionedUsageLogsWithRowsGetsItsIndexesPartitionByPartition) {
  Database database = CreateSeed("partitioned");
  Populate(database, 2);
  database.Execute(
      "DROP INDEX idx_usage_logs_team, idx_usage_logs_litellm;"
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, "
      "response_tokens, created_at) SELECT id, model_id, 1, 1, '2024-01-05' FROM "
      "subscriptions");
  const MigrateOutcome plan = Migrate("partitioned", {.dry_run = true});
  EXPECT_TRUE(Holds(plan.output,
                    "CREATE INDEX CONCURRENTLY ON public.usage_logs_2024_01 USING btree "
                    "(team_id)"))
      << plan.output;
  MustMigrate("partitioned");
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_index WHERE indrelid = "
                            "'usage_logs_2024_01'::regclass AND indisvalid"),
            6);
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_index WHERE indrelid = 'usage_logs'::regclass "
                            "AND indisvalid"),
            6);
}

// subscriptions got a column after the view was made, so the columns of "s.*" would move.
TEST_F(MigrateFilledTest, ViewThatCannotBeReplacedIsMadeAgainWithItsGrants) {
  Database database = CreateSeed("view");
  CreateRole("reader");
  database.Execute(
      "ALTER TABLE subscriptions ADD COLUMN note TEXT; GRANT SELECT ON "
      "active_subscriptions TO reader");
  MustMigrate("view");
  EXPECT_EQ(database.Number("SELECT count(note) FROM active_subscriptions"), 0);
  EXPECT_EQ(database.Value("SELECT has_table_privilege('reader', 'active_subscriptions', "
                           "'SELECT')"),
            "t");
}

TEST_F(MigrateFilledTest, ViewThatOthersReadStays) {
  Database database = CreateSeed("read");
  database.Execute(
      "ALTER TABLE subscriptions ADD COLUMN note TEXT; CREATE VIEW mine AS SELECT id "
      "FROM active_subscriptions");
  EXPECT_TRUE(Holds(MustMigrate("read"), "view active_subscriptions stays as it is"));
  EXPECT_EQ(database.Number("SELECT count(*) FROM mine"), 0);
}

TEST_F(MigrateFilledTest, OwnerWithoutSuperuserIsEnough) {
  CreateRole("litemaas");
  postgres_.Connect("postgres").Execute("CREATE DATABASE own OWNER litemaas");
  const MigrateOutcome outcome = Migrate("own", {}, "litemaas");
  ASSERT_TRUE(outcome.result) << outcome.result.error().context;
  Database database = postgres_.Connect("own");
  EXPECT_EQ(database.Number("SELECT count(DISTINCT relowner) FROM pg_class WHERE relnamespace IN "
                            "('public'::regnamespace, 'usage_ingest'::regnamespace)"),
            1);

  // Where it may not create tables it puts no partition; without one, usage is a dead letter.
  database.Execute("SET allow_in_place_tablespaces = on");
  database.Execute("CREATE TABLESPACE private LOCATION ''");
  database.Execute("ALTER TABLE usage_logs SET TABLESPACE private");
  EXPECT_EQ(database.Value("SELECT usage_ingest.ensure_partition('2017-02-01')"), "created");
}

TEST_F(MigrateFilledTest, TablesOfAnotherOwnerAreRefusedWithTheRoleToUse) {
  Database database = CreateFilled("guarded");
  CreateRole("guest");
  const MigrateOutcome outcome = Migrate("guarded", {}, "guest");
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(Holds(outcome.result.error().context, "run migrate as postgres"))
      << outcome.result.error().context;
  EXPECT_TRUE(Holds(outcome.result.error().context, "GRANT CREATE ON SCHEMA public TO guest"));
}

}  // namespace
}  // namespace usage_ingest::postgres
