// `migrate` under difficult conditions: killed, and on databases with other settings, owners and
// columns.
#include <algorithm>
#include <sstream>

#include "ingest/postgres/probe/grants.h"
#include "schema/migrations.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/support/pipeline/daemon_process.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;

class HostileTest : public PostgresTest {
 protected:
  static void LogByTrigger(Database& database, const std::string& time) {
    database.Execute(
        "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
        "created_at) SELECT id, model_id, 1, 1, '" +
        time + "' FROM subscriptions");
  }
  // What `migrate` says while `writer` has an open transaction on usage_logs; then both end. Its
  // lock alone: a row would lock subscriptions too, which an earlier step waits for.
  void ExpectOutputWhileWriting(Database& writer, const std::vector<std::string>& parts) {
    writer.Execute("BEGIN");
    writer.Execute("LOCK TABLE usage_logs IN ROW EXCLUSIVE MODE");
    support::DaemonProcess migrate(
        {.brokers = "127.0.0.1:1", .conninfo = postgres_.conninfo("litemaas")});
    migrate.Start({"migrate"});
    EXPECT_TRUE(support::WaitUntil(support::After(30s), [&] {
      return std::ranges::all_of(
          parts, [log = migrate.log()](const std::string& part) { return Holds(log, part); });
    })) << migrate.log();
    writer.Execute("COMMIT");
    EXPECT_EQ(migrate.WaitExit(), 0) << migrate.log();
  }
  void Set(const std::string& setting) {
    postgres_.Connect("postgres").Execute("ALTER DATABASE litemaas SET " + setting);
  }
};

// At each step in turn, in the middle of it: what is finished stays, the next run goes on, and the
// end is the same as without a kill.
TEST_F(HostileTest, KilledAtEveryStepItEndsTheSame) {
  Database expected = CreateFilledWithPlainUsage("expected");
  Database database = Create("litemaas");
  std::string plain = ReadTestData("databases/filled_with_plain_usage.sql");
  const std::string role = "CREATE ROLE reporting_of_tests;";  // is there by now
  plain.replace(plain.find(role), role.size(), "");
  database.Execute(ReadTestData("databases/filled_without_usage.sql") + plain);
  for (Database* each : {&expected, &database}) {
    Populate(*each, 3'000);
    LogByTrigger(*each, "2026-01-05");
  }
  MustMigrate("expected");

  support::DaemonProcess migrate(
      {.brokers = "127.0.0.1:1", .conninfo = postgres_.conninfo("litemaas")});
  const auto finished = [&] {
    return database.Value("SELECT to_regclass('usage_ingest.migrations') IS NOT NULL") == "t"
               ? database.Number("SELECT coalesce(max(number), 0) FROM usage_ingest.migrations")
               : 0;
  };
  int killed = 0;
  for (std::int64_t step = 1; step < Migrations().back().number; ++step) {
    if (finished() >= step) continue;
    migrate.Start({"migrate"});
    ASSERT_TRUE(support::WaitUntil(support::After(60s), [&] { return finished() >= step; }))
        << migrate.log();
    if (!migrate.running()) continue;
    migrate.Kill();
    ++killed;
  }
  EXPECT_GT(killed, 5);
  MustMigrate("litemaas");
  EXPECT_EQ(CatalogueLines(database), CatalogueLines(expected));
  EXPECT_TRUE(Probe("litemaas").ok());
  for (const char* table : {"usage_logs", "team_members", "api_key_models",
                            "usage_ingest.key_history", "usage_ingest.migrations"}) {
    const std::string count = std::string("SELECT count(*) FROM ") + table;
    EXPECT_EQ(database.Number(count), expected.Number(count)) << table;
  }
}

// A transaction of LiteMaaS that writes to usage_logs and does not end.
TEST_F(HostileTest, StepThatTakesLongSaysHowFarItIs) {
  Database writer = CreateFilledWithPlainUsage("litemaas");
  Populate(writer, 1);
  LogByTrigger(writer, "2026-01-05");
  // Otherwise they are added first, which needs a lock that this transaction does not allow.
  writer.Execute(
      "ALTER TABLE usage_logs ADD COLUMN error_message TEXT, ADD COLUMN litellm_request_id "
      "VARCHAR(255), ADD COLUMN metadata JSONB DEFAULT '{}'");
  ExpectOutputWhileWriting(writer, {" s: CREATE INDEX CONCURRENTLY", "(waiting for writers"});
  EXPECT_EQ(writer.Number("SELECT count(*) FROM usage_logs"), 2);
}

TEST_F(HostileTest, LockThatIsWaitedForIsNamed) {
  Database writer = CreateFilledWithPlainUsage("litemaas");
  Populate(writer, 1);
  ExpectOutputWhileWriting(writer, {"waiting for a lock: ACCESS EXCLUSIVE on usage_logs"});
}

TEST_F(HostileTest, HalfHourTimeZoneOfTheDatabaseChangesNothing) {
  Create("litemaas");
  Set("TimeZone = 'Asia/Kolkata'");
  Set("DateStyle = 'SQL, DMY'");
  MustMigrate("litemaas");
  Database database = postgres_.Connect("litemaas");
  Populate(database, 1);
  LogByTrigger(database, "2024-01-31 23:40:00+00");
  EXPECT_EQ(database.Value("SELECT usage_ingest.ensure_partition('2024-02-01')"), "created");
  LogByTrigger(database, "2024-02-01 00:10:00+00");
  database.Execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO'");
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_logs_2024_01"), 2);
  EXPECT_EQ(database.Lines("SELECT DISTINCT period_type, period_start FROM usage_summaries"),
            (std::vector<std::string>{
                "day\t2024-01-31 00:00:00+00\t", "day\t2024-02-01 00:00:00+00\t",
                "hour\t2024-01-31 23:00:00+00\t", "hour\t2024-02-01 00:00:00+00\t",
                "month\t2024-01-01 00:00:00+00\t", "month\t2024-02-01 00:00:00+00\t"}));
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_ingest.partitions_of_usage_logs() WHERE "
                            "from_time <> date_trunc('month', from_time)"),
            0);
  EXPECT_TRUE(Probe("litemaas").findings.empty());
}

TEST_F(HostileTest, SearchPathOfTheDatabaseChangesNothing) {
  Database before = Create("litemaas");
  before.Execute(
      "CREATE SCHEMA mine; CREATE TABLE mine.users (x int); CREATE TABLE mine.usage_logs (x int); "
      "CREATE FUNCTION mine.date_trunc(text, timestamptz) RETURNS timestamptz LANGUAGE sql AS "
      "'SELECT NULL::timestamptz'");
  Set("search_path = mine, pg_catalog, public");
  MustMigrate("litemaas");
  Database database = postgres_.Connect("litemaas");
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_class WHERE relnamespace = "
                            "'mine'::regnamespace"),
            2);
  database.Execute("SET search_path = public");
  Populate(database, 1);
  database.Execute(
      "SET search_path = mine, pg_catalog; INSERT INTO public.usage_logs (subscription_id, "
      "model_id, request_tokens, response_tokens) SELECT id, model_id, 1, 1 FROM "
      "public.subscriptions; SELECT usage_ingest.ensure_partition('2017-02-01')");
  EXPECT_EQ(database.Number("SELECT sum(request_count) FROM public.usage_summaries"), 6);
  EXPECT_TRUE(Probe("litemaas").findings.empty());
}

TEST_F(HostileTest, DatabaseThatIsReadOnlyByDefaultIsMigrated) {
  Create("litemaas");
  Set("default_transaction_read_only = on");
  Set("default_transaction_isolation = 'serializable'");
  MustMigrate("litemaas");
  EXPECT_TRUE(Probe("litemaas").findings.empty());
}

// A first step that did not get to its end, by hand or by another program.
TEST_F(HostileTest, HalfMadeSchemaIsFinished) {
  Database database = Create("litemaas");
  database.Execute(
      "CREATE SCHEMA usage_ingest; CREATE TABLE usage_ingest.migrations (number INTEGER PRIMARY "
      "KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT "
      "clock_timestamp())");
  MustMigrate("litemaas");
  EXPECT_TRUE(Probe("litemaas").findings.empty());
}

// A superuser migrates what belongs to LiteMaaS: afterwards LiteMaaS goes on as before.
TEST_F(HostileTest, WhatASuperuserCreatesBelongsToLiteMaas) {
  CreateRole("Lite-MaaS");
  postgres_.Connect("postgres").Execute("CREATE DATABASE litemaas OWNER \"Lite-MaaS\"");
  Database litemaas(postgres_.conninfo("litemaas", "Lite-MaaS"));
  litemaas.Execute(ReadTestData("databases/filled_without_usage.sql"));
  Populate(litemaas, 2);
  EXPECT_FALSE(Holds(MustMigrate("litemaas"), "belongs to"));
  LogByTrigger(litemaas, "now");
  litemaas.Execute("UPDATE api_keys SET key_hash = 'new' || id");
  EXPECT_EQ(litemaas.Number("SELECT sum(request_count) FROM usage_summaries WHERE period_type = "
                            "'day'"),
            4);
  for (const char* view : {"active_subscriptions", "usage_statistics", "api_keys_with_models"}) {
    EXPECT_EQ(litemaas.Number(std::string("SELECT count(*) FROM ") + view), 4) << view;
  }
}

// LiteMaaS as a role that owns nothing and has rights on its tables alone.
TEST_F(HostileTest, OrdinaryWriterGoesThroughTheTriggerExactly) {
  Database database = CreateMigrated("litemaas");
  Populate(database, 2);
  CreateRole("writer");
  database.Execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer");
  Database writer(postgres_.conninfo("litemaas", "writer"));
  LogByTrigger(writer, "now");
  blocking::SyncConnection connection = Open("litemaas");
  const auto verified = admin::VerifySummaries(connection, {});
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->rows_different, 0);
  EXPECT_EQ(database.Number("SELECT sum(used_requests) FROM subscriptions"), 4);
}

TEST_F(HostileTest, ColumnThatMustHaveAValueIsRefusedBeforeAnythingIsChanged) {
  Database database = CreateFilled("litemaas");
  database.Execute("ALTER TABLE teams ALTER COLUMN created_by SET NOT NULL");
  const auto before = CatalogueLines(database);
  const MigrateOutcome outcome = Migrate("litemaas");
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(CatalogueLines(database), before);
  const std::string fix = "ALTER TABLE public.teams ALTER COLUMN created_by DROP NOT NULL";
  EXPECT_TRUE(Holds(outcome.result.error().context, fix)) << outcome.result.error().context;
  database.Execute(fix);
  MustMigrate("litemaas");
}

// Each of these was found after some steps, when the table was half way.
TEST_F(HostileTest, WhatStopsALaterStepIsRefusedBeforeTheFirstOne) {
  struct Obstacle {
    const char* make;
    const char* fix;
  };
  const Obstacle obstacles[] = {
      {"ALTER TABLE usage_logs ADD COLUMN user_id UUID NOT NULL DEFAULT gen_random_uuid(); ALTER "
       "TABLE usage_logs ALTER COLUMN user_id DROP DEFAULT",
       "ALTER TABLE public.usage_logs ALTER COLUMN user_id DROP NOT NULL"},
      {"ALTER TABLE usage_logs ADD COLUMN n BIGINT GENERATED BY DEFAULT AS IDENTITY",
       "ALTER TABLE public.usage_logs ALTER COLUMN n DROP IDENTITY, ALTER COLUMN n DROP NOT NULL"},
      {"CREATE COLLATION no_case (provider = icu, locale = 'und-u-ks-level2', deterministic = "
       "false); ALTER TABLE models ALTER COLUMN provider TYPE VARCHAR(255) COLLATE no_case",
       "ALTER TABLE public.models ALTER COLUMN provider TYPE varchar(255) USING "
       "provider::text::varchar(255)"},
  };
  Database database = CreateFilledWithPlainUsage("litemaas");
  for (const Obstacle& obstacle : obstacles) {
    database.Execute(obstacle.make);
    const auto before = CatalogueLines(database);
    const MigrateOutcome outcome = Migrate("litemaas");
    ASSERT_FALSE(outcome.result) << obstacle.make;
    EXPECT_TRUE(Holds(outcome.result.error().context, obstacle.fix))
        << outcome.result.error().context;
    EXPECT_EQ(CatalogueLines(database), before) << obstacle.make;
    EXPECT_FALSE(Migrate("litemaas", {.dry_run = true}).result) << obstacle.make;
    database.Execute(obstacle.fix);
  }
  MustMigrate("litemaas");
}

TEST_F(HostileTest, TheFixOfAnInheritingTableKeepsItsRows) {
  Database database = CreateFilledWithPlainUsage("litemaas");
  Populate(database, 1);
  database.Execute(
      "CREATE TABLE old_usage () INHERITS (usage_logs); INSERT INTO old_usage (id, "
      "subscription_id, model_id, request_tokens, response_tokens) SELECT gen_random_uuid(), id, "
      "model_id, 1, 1 FROM subscriptions");
  const std::int64_t rows = database.Number("SELECT count(*) FROM usage_logs");
  ASSERT_GE(rows, 2);
  const MigrateOutcome outcome = Migrate("litemaas");
  ASSERT_FALSE(outcome.result);
  const std::string& text = outcome.result.error().context;
  const std::size_t begin = text.find("fix: BEGIN; ");
  ASSERT_NE(begin, std::string::npos) << text;
  database.Execute(text.substr(begin + 5, text.find("COMMIT", begin) + 6 - begin - 5));
  MustMigrate("litemaas");
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_logs"), rows);
}

TEST_F(HostileTest, AViewOfAnotherOwnerIsRefusedBeforeTheFirstStep) {
  CreateRole("litemaas");
  CreateRole("analyst");
  postgres_.Connect("postgres").Execute("CREATE DATABASE litemaas OWNER litemaas");
  postgres_.Connect("postgres").Execute("ALTER ROLE litemaas CREATEROLE");
  Database litemaas(postgres_.conninfo("litemaas", "litemaas"));
  litemaas.Execute(ReadTestData("databases/filled_without_usage.sql"));
  litemaas.Execute(ReadTestData("databases/filled_with_plain_usage.sql"));
  Database admin = postgres_.Connect("litemaas");
  admin.Execute("ALTER VIEW usage_by_region OWNER TO analyst");
  const MigrateOutcome outcome = Migrate("litemaas", {}, "litemaas");
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(Holds(outcome.result.error().context, "fix: GRANT analyst TO litemaas"))
      << outcome.result.error().context;
  EXPECT_EQ(admin.Value("SELECT to_regnamespace('usage_ingest') IS NULL"), "t");
  admin.Execute("GRANT analyst TO litemaas");
  const MigrateOutcome second = Migrate("litemaas", {}, "litemaas");
  EXPECT_TRUE(second.result) << second.result.error().context;
}

TEST_F(HostileTest, DefaultTeamThatIsThereNeedsNoNewRow) {
  Database database = CreateFilled("litemaas");
  Populate(database, 1);
  database.Execute(
      "INSERT INTO teams (id, name, created_by) SELECT 'a0000000-0000-4000-8000-000000000001', "
      "'mine', id FROM users; ALTER TABLE teams ALTER COLUMN created_by SET NOT NULL");
  MustMigrate("litemaas");
  EXPECT_EQ(database.Value("SELECT name FROM teams"), "mine");
}

// Capitals and quotes in the names of role and database.
TEST_F(HostileTest, PrintedGrantsQuoteWhatMustBeQuoted) {
  Create("\"Lite\"\"MaaS\"");
  CreateRole("Usage\"Ingest");
  const std::string conninfo = postgres_.conninfo("'Lite\"MaaS'");
  std::ostringstream output;
  ASSERT_TRUE(migrate::Migrate(conninfo, {}, output));
  Database(conninfo).Execute(probe::GrantsFor("Usage\"Ingest", "Lite\"MaaS"));
  const probe::ProbeReport report = Probe("'Lite\"MaaS'", "'Usage\"Ingest'");
  EXPECT_TRUE(report.findings.empty()) << report.findings[0].ToLine();
  // As a shell gives it to the program.
  Create("\"Upper\"");
  MustMigrate("Upper");
  const support::DaemonProcess program(
      {.brokers = "127.0.0.1:1", .conninfo = postgres_.conninfo("Upper")});
  const auto printed = program.Run({"migrate", "--print-grants", "Usage\"Ingest"});
  ASSERT_EQ(printed.exit_code, 0) << printed.errors;
  postgres_.Connect("Upper").Execute(printed.output);
  EXPECT_TRUE(Probe("Upper", "'Usage\"Ingest'").findings.empty());
}

}  // namespace
}  // namespace usage_ingest::postgres
