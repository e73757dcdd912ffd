// Tables of LiteMaaS that cannot hold what the daemon writes, or are in another schema: `migrate`,
// also with --dry-run, refuses them before anything is created, `run` and `check-config` find them,
// and the SQL that they print, executed as it is, is the fix.
#include "tests/integration/postgres/postgres_fixture.h"

namespace usage_ingest::postgres {
namespace {

struct Case {
  const char* name;
  const char* column;
  const char* change;  // of a usage_logs or usage_summaries that is all right
};

// The generated columns and the views that depend on a column, as PostgreSQL demands it.
#define WITHOUT_COST "DROP VIEW usage_statistics; ALTER TABLE usage_logs DROP COLUMN total_cost; "
#define WITH_COST                                                                                 \
  "; ALTER TABLE usage_logs ADD COLUMN total_cost NUMERIC(10,6) GENERATED ALWAYS AS (input_cost " \
  "+ output_cost) STORED; CREATE VIEW usage_statistics AS SELECT total_cost FROM usage_logs; "    \
  "GRANT SELECT ON usage_statistics TO PUBLIC"
constexpr Case kCases[] = {
    {"CostsOfFourDecimals", "usage_logs.input_cost",
     WITHOUT_COST "ALTER TABLE usage_logs ALTER input_cost TYPE NUMERIC(10,4)" WITH_COST},
    {"CostsBelowAHundred", "usage_logs.output_cost",
     WITHOUT_COST "ALTER TABLE usage_logs ALTER output_cost TYPE NUMERIC(8,6)" WITH_COST},
    {"CostsOfADomain", "usage_logs.input_cost",
     WITHOUT_COST
     "CREATE DOMAIN price AS NUMERIC(10,4); ALTER TABLE usage_logs ALTER input_cost DROP DEFAULT, "
     "ALTER input_cost TYPE price" WITH_COST},
    {"TotalTokensThatAreWritten", "usage_logs.total_tokens",
     "DROP VIEW usage_statistics; ALTER TABLE usage_logs DROP COLUMN total_tokens, ADD COLUMN "
     "total_tokens INTEGER NOT NULL DEFAULT 0; CREATE VIEW usage_statistics AS SELECT total_tokens "
     "FROM usage_logs"},
    {"TotalCostOfCents", "usage_logs.total_cost",
     "DROP VIEW usage_statistics; ALTER TABLE usage_logs DROP COLUMN total_cost, ADD COLUMN "
     "total_cost NUMERIC(10,2) GENERATED ALWAYS AS (input_cost + output_cost) STORED"},
    {"SmallTokens", "usage_logs.request_tokens",
     "DROP VIEW usage_statistics; ALTER TABLE usage_logs DROP COLUMN total_tokens; ALTER TABLE "
     "usage_logs ALTER request_tokens TYPE SMALLINT"},
    {"ShortModel", "usage_logs.model_id",
     "DROP VIEW usage_statistics; ALTER TABLE usage_logs ALTER model_id TYPE VARCHAR(100)"},
    {"ShortError", "usage_logs.error_message",
     "ALTER TABLE usage_logs ALTER error_message TYPE VARCHAR(500)"},
    {"ShortRequestId", "usage_logs.litellm_request_id",
     "ALTER TABLE usage_logs ALTER litellm_request_id TYPE VARCHAR(64)"},
    {"ShortModelOfSummaries", "usage_summaries.model_id",
     "ALTER TABLE usage_summaries ALTER model_id TYPE VARCHAR(64)"},
    {"ShortPeriod", "usage_summaries.period_type",
     "ALTER TABLE usage_summaries ALTER period_type TYPE VARCHAR(4)"},
    {"SummariesOfCents", "usage_summaries.total_cost",
     "ALTER TABLE usage_summaries ALTER total_cost TYPE NUMERIC(18,2)"},
    {"SummariesOfWholeCosts", "usage_summaries.total_cost",
     "ALTER TABLE usage_summaries ALTER total_cost TYPE BIGINT"},
    {"SummariesOfFewTokens", "usage_summaries.total_tokens",
     "ALTER TABLE usage_summaries ALTER total_tokens TYPE NUMERIC(6,0)"},
    {"SummariesInThousands", "usage_summaries.request_tokens",
     "ALTER TABLE usage_summaries ALTER request_tokens TYPE NUMERIC(15,-3)"},
};
#undef WITHOUT_COST
#undef WITH_COST

// "...; fix: <SQL>;" of the problem at `where`.
std::string FixOf(const std::string& text, const std::string& where) {
  std::size_t begin = text.find("public." + where + ": ");
  if (begin == std::string::npos) return "no problem at " + where + " in " + text;
  begin = text.find("; fix: ", begin) + 7;
  return text.substr(begin, text.find('\n', begin) - begin);
}

class ColumnsTest : public PostgresTest, public ::testing::WithParamInterface<Case> {};

TEST_P(ColumnsTest, AreRefusedAndThePrintedSqlIsTheFix) {
  Database database = CreateMigrated("litemaas");
  Populate(database, 1);
  database.Execute(GetParam().change);
  const probe::ProbeReport report = Probe("litemaas");
  ASSERT_FALSE(report.ok());
  const std::string where = std::string("public.") + GetParam().column;
  const auto found = std::ranges::find(report.findings, where, &probe::Finding::where);
  ASSERT_NE(found, report.findings.end()) << report.findings[0].ToLine();
  EXPECT_EQ(found->severity, probe::Severity::kFatal);

  // The same before a step that is to be done.
  database.Execute("DELETE FROM usage_ingest.migrations WHERE number = 28");
  const auto before = CatalogueLines(database);
  EXPECT_FALSE(Migrate("litemaas", {.dry_run = true}).result);
  const MigrateOutcome outcome = Migrate("litemaas");
  ASSERT_FALSE(outcome.result);
  EXPECT_EQ(CatalogueLines(database), before);
  const std::string fix = FixOf(outcome.result.error().context, GetParam().column);
  EXPECT_EQ(fix, found->fix + ";");
  database.Execute(fix);
  MustMigrate("litemaas");
  for (const probe::Finding& finding : Probe("litemaas").findings) {
    EXPECT_NE(finding.where, where) << finding.ToLine();
  }
}

INSTANTIATE_TEST_SUITE_P(Changes, ColumnsTest, ::testing::ValuesIn(kCases),
                         [](const auto& test) { return test.param.name; });

class OtherTablesTest : public PostgresTest {
 protected:
  void ExpectMigrateRefuses(Database& database, const std::string& part) {
    const auto before = CatalogueLines(database);
    const auto schemas = database.Lines("SELECT nspname FROM pg_namespace");
    EXPECT_FALSE(Migrate("litemaas", {.dry_run = true}).result);
    const MigrateOutcome outcome = Migrate("litemaas");
    ASSERT_FALSE(outcome.result);
    EXPECT_TRUE(Holds(outcome.result.error().context, part)) << outcome.result.error().context;
    EXPECT_EQ(CatalogueLines(database), before);
    EXPECT_EQ(database.Lines("SELECT nspname FROM pg_namespace"), schemas);
  }
  void ExpectRefused(Database& database, const std::string& part) {
    ExpectMigrateRefuses(database, part);
    const probe::ProbeReport report = Probe("litemaas");
    ASSERT_FALSE(report.findings.empty()) << part;
    EXPECT_EQ(report.findings[0].severity, probe::Severity::kFatal);
    EXPECT_TRUE(Holds(report.findings[0].ToLine(), part)) << report.findings[0].ToLine();
  }
};

TEST_F(OtherTablesTest, TablesInAnotherSchemaAreRefused) {
  Database database = CreateFilledWithPlainUsage("litemaas");
  Populate(database, 2);
  database.Execute("ALTER SCHEMA public RENAME TO \"Lite MaaS\"; CREATE SCHEMA public");
  postgres_.Connect("postgres")
      .Execute("ALTER DATABASE litemaas SET search_path = 'Lite MaaS', public");
  ExpectRefused(database, "schema \"Lite MaaS\": it has tables of LiteMaaS");
  const std::string fix = Probe("litemaas").findings[0].fix;
  database.Execute(fix.substr(0, fix.find(" (then")));
  MustMigrate("litemaas");
  EXPECT_EQ(database.Number("SELECT count(*) FROM public.subscriptions"), 4);
  EXPECT_TRUE(Probe("litemaas").ok());
}

TEST_F(OtherTablesTest, UsageInAnotherSchemaThanTheSubscriptionsIsRefused) {
  Database database = CreateFilledWithPlainUsage("litemaas");
  database.Execute("CREATE SCHEMA usage; ALTER TABLE usage_logs SET SCHEMA usage");
  ExpectRefused(database, "ALTER TABLE usage.usage_logs SET SCHEMA public");
}

TEST_F(OtherTablesTest, AViewUnderTheNameOfATableIsRefused) {
  Database database = CreateFilledWithPlainUsage("litemaas");
  database.Execute(
      "CREATE SCHEMA usage; ALTER TABLE usage_logs SET SCHEMA usage; CREATE VIEW usage_logs AS "
      "SELECT * FROM usage.usage_logs");
  ExpectRefused(database, "public.usage_logs: it is a view");
}

// Another program's tables are not LiteMaaS', and a copy of LiteMaaS' tables is not used.
TEST_F(OtherTablesTest, TablesOfOtherProgramsAndBackupsDisturbNothing) {
  Database database = Create("litemaas");
  database.Execute(
      "CREATE SCHEMA keycloak; CREATE TABLE keycloak.users (id INT); CREATE TABLE "
      "keycloak.subscriptions (id INT)");
  MustMigrate("litemaas");
  database.Execute(
      "CREATE SCHEMA backup; CREATE TABLE backup.subscriptions AS TABLE subscriptions");
  EXPECT_TRUE(Probe("litemaas").findings.empty());
}

// PostgreSQL does not change the type of the column by which a table is partitioned.
TEST_F(OtherTablesTest, TimesOfSecondsAreRefusedBeforeTheTableIsPartitioned) {
  Database database = CreateFilledWithPlainUsage("litemaas");
  database.Execute("ALTER TABLE usage_logs ALTER created_at TYPE TIMESTAMPTZ(0)");
  ExpectMigrateRefuses(database,
                       "public.usage_logs.created_at: its type is timestamp(0) with time zone");
  database.Execute(FixOf(Migrate("litemaas").result.error().context, "usage_logs.created_at"));
  MustMigrate("litemaas");
  EXPECT_TRUE(Probe("litemaas").ok());
}

TEST_F(OtherTablesTest, TimesWithoutZoneWorkAndAreUtc) {
  Database database = CreateFilledWithPlainUsage("litemaas");
  database.Execute("ALTER TABLE usage_logs ALTER created_at TYPE TIMESTAMP");
  MustMigrate("litemaas");
  EXPECT_TRUE(Probe("litemaas").ok());
}

}  // namespace
}  // namespace usage_ingest::postgres
