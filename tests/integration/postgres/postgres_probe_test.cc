// What the start-up probe finds: one line each, with the SQL that mends it, which then does.
#include "tests/integration/postgres/postgres_fixture.h"

namespace usage_ingest::postgres {
namespace {

struct Case {
  const char* name;
  const char* breaks;  // SQL that makes the finding
  probe::Severity severity;
  const char* where;
  const char* fix;  // part of what is proposed
  bool fix_is_sql;  // as it stands
};

class ProbeTest : public PostgresTest, public ::testing::WithParamInterface<Case> {};

TEST_P(ProbeTest, FindsItAndTheFixMendsIt) {
  Database database = CreateMigrated("litemaas");
  Populate(database, 2);
  database.Execute(GetParam().breaks);
  const probe::ProbeReport report = Probe("litemaas");
  const probe::Finding* found = nullptr;
  for (const probe::Finding& finding : report.findings) {
    if (Holds(finding.where, GetParam().where) && Holds(finding.fix, GetParam().fix)) {
      found = &finding;
    }
  }
  ASSERT_NE(found, nullptr) << report.findings.size() << " findings, the first: "
                            << (report.findings.empty() ? "" : report.findings[0].ToLine());
  EXPECT_EQ(found->severity, GetParam().severity);
  EXPECT_EQ(report.ok(), GetParam().severity == probe::Severity::kWarning);
  EXPECT_FALSE(Holds(found->ToLine(), "\n"));
  if (!GetParam().fix_is_sql) return;
  database.Execute(found->fix);
  for (const probe::Finding& finding : Probe("litemaas").findings) {
    EXPECT_FALSE(finding.where == found->where && finding.what == found->what) << finding.ToLine();
  }
}

constexpr const char* kTriggerWithoutGuard =
    "CREATE OR REPLACE TRIGGER update_usage_on_log AFTER INSERT ON usage_logs FOR EACH ROW EXECUTE "
    "FUNCTION update_usage_summary()";
// On a partition, under another name.
constexpr const char* kSecondTrigger =
    "CREATE TRIGGER \"Mine\" AFTER INSERT ON usage_logs_2024_01 FOR EACH ROW EXECUTE FUNCTION "
    "update_usage_summary()";
constexpr const char* kForeignTrigger =
    "CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE "
    "TRIGGER theirs AFTER INSERT ON usage_logs FOR EACH ROW EXECUTE FUNCTION noop()";

// Looks like the guard, and lets the daemon's rows through all the same.
constexpr const char* kInvertedGuard =
    "CREATE OR REPLACE TRIGGER update_usage_on_log AFTER INSERT ON usage_logs FOR EACH ROW WHEN "
    "(current_setting('usage_ingest.aggregating', true) IS NOT DISTINCT FROM 'on') EXECUTE "
    "FUNCTION "
    "update_usage_summary()";
constexpr const char* kGuardWithAnOr =
    "CREATE OR REPLACE TRIGGER update_usage_on_log AFTER INSERT ON usage_logs FOR EACH ROW WHEN "
    "(current_setting('usage_ingest.aggregating', true) IS DISTINCT FROM 'on' OR NEW.status_code > "
    "400) EXECUTE FUNCTION update_usage_summary()";
// Counts under a name of its own, on some rows.
constexpr const char* kForeignCounter =
    "CREATE FUNCTION bill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE subscriptions SET "
    "used_requests = used_requests + 1 WHERE id = NEW.subscription_id; RETURN NULL; END'; CREATE "
    "TRIGGER bill AFTER INSERT ON usage_logs FOR EACH ROW WHEN (NEW.status_code < 400 OR "
    "NEW.latency_ms > 5) EXECUTE FUNCTION bill()";
constexpr const char* kWideTokens =
    "DROP VIEW usage_statistics; ALTER TABLE usage_logs DROP COLUMN total_tokens, ALTER "
    "request_tokens TYPE bigint; ALTER TABLE usage_logs ADD COLUMN total_tokens BIGINT GENERATED "
    "ALWAYS AS (request_tokens + response_tokens) STORED";

INSTANTIATE_TEST_SUITE_P(
    Findings, ProbeTest,
    ::testing::Values(
        Case{"InvertedGuard", kInvertedGuard, probe::Severity::kFatal,
             "trigger update_usage_on_log", "CREATE OR REPLACE TRIGGER update_usage_on_log", true},
        Case{"GuardWithAnOr", kGuardWithAnOr, probe::Severity::kFatal,
             "trigger update_usage_on_log", "CREATE OR REPLACE TRIGGER update_usage_on_log", true},
        Case{"ForeignCounter", kForeignCounter, probe::Severity::kFatal, "trigger bill",
             "CREATE OR REPLACE TRIGGER bill", true},
        Case{"SummaryTriggerGone", "DROP TRIGGER update_usage_on_log ON usage_logs",
             probe::Severity::kWarning, "trigger update_usage_on_log", "number IN (15)", false},
        Case{"QuotaTriggerDisabled",
             "ALTER TABLE subscriptions DISABLE TRIGGER enforce_subscription_quota",
             probe::Severity::kWarning, "trigger enforce_subscription_quota", "ENABLE TRIGGER",
             false},
        Case{"RequiredColumnOfSummaries",
             "ALTER TABLE usage_summaries ADD COLUMN region TEXT NOT NULL", probe::Severity::kFatal,
             "public.usage_summaries.region", "DROP NOT NULL", true},
        Case{"RequiredColumnOfAuditLogs", "ALTER TABLE audit_logs ADD COLUMN region TEXT NOT NULL",
             probe::Severity::kFatal, "public.audit_logs.region", "DROP NOT NULL", true},
        Case{
            "PeriodTypeWithoutDay",
            "ALTER TABLE usage_summaries ADD CONSTRAINT hours CHECK (period_type IN ('hour')), ADD "
            "CHECK (period_type <> '')",
            probe::Severity::kFatal, "public.usage_summaries.period_type",
            "DROP CONSTRAINT \"hours\"", false},
        Case{"GapInTheMigrations", "DELETE FROM usage_ingest.migrations WHERE number = 12",
             probe::Severity::kFatal, "usage_ingest.migrations", "usage-ingestd migrate", false},
        Case{"TokensTooWide", kWideTokens, probe::Severity::kFatal,
             "public.usage_logs.request_tokens",
             "DROP COLUMN total_tokens, ALTER COLUMN request_tokens TYPE integer", true},
        Case{"CountsTwice", kTriggerWithoutGuard, probe::Severity::kFatal,
             "trigger update_usage_on_log", "CREATE OR REPLACE TRIGGER update_usage_on_log", true},
        Case{"CountsTwiceOnAPartition", kSecondTrigger, probe::Severity::kFatal, "trigger Mine",
             "CREATE OR REPLACE TRIGGER \"Mine\"", true},
        Case{"ForeignTrigger", kForeignTrigger, probe::Severity::kWarning, "trigger theirs",
             "DROP TRIGGER theirs", false},
        Case{"TableGone", "DROP TABLE audit_logs", probe::Severity::kFatal, "public.audit_logs",
             "usage-ingestd migrate", false},
        Case{"NotMigrated", "DROP TABLE usage_ingest.migrations", probe::Severity::kFatal,
             "usage_ingest.migrations", "usage-ingestd migrate", false},
        Case{"StepMissing", "DELETE FROM usage_ingest.migrations WHERE number > 20",
             probe::Severity::kFatal, "usage_ingest.migrations", "usage-ingestd migrate", false},
        Case{"ColumnGone", "ALTER TABLE usage_logs DROP COLUMN latency_ms CASCADE",
             probe::Severity::kFatal, "public.usage_logs.latency_ms", "ADD COLUMN", true},
        Case{"SummaryColumnGone", "ALTER TABLE usage_summaries DROP COLUMN latency_count",
             probe::Severity::kFatal, "public.usage_summaries.latency_count", "ADD COLUMN", true},
        Case{"SummaryKeyGone",
             "ALTER TABLE usage_summaries DROP CONSTRAINT "
             "usage_summaries_subscription_id_model_id_period_type_period_key",
             probe::Severity::kFatal, "public.usage_summaries", "CREATE UNIQUE INDEX CONCURRENTLY",
             true},
        Case{"WrongType", "ALTER TABLE audit_logs ALTER resource_id TYPE bytea USING NULL",
             probe::Severity::kFatal, "public.audit_logs.resource_id", "TYPE varchar(255)", true},
        Case{"RequiredColumn",
             "ALTER TABLE usage_logs ADD COLUMN region TEXT NOT NULL DEFAULT 'x'; ALTER TABLE "
             "usage_logs ALTER region DROP DEFAULT",
             probe::Severity::kFatal, "public.usage_logs.region", "DROP NOT NULL", true},
        Case{"NoKey", "ALTER TABLE usage_logs DROP CONSTRAINT usage_logs_pkey",
             probe::Severity::kFatal, "public.usage_logs", "ADD PRIMARY KEY (id, created_at)",
             true},
        Case{"DefaultPartition", "CREATE TABLE rest PARTITION OF usage_logs DEFAULT",
             probe::Severity::kWarning, "partition rest", "DETACH PARTITION rest", false},
        Case{"KeyTriggerDisabled", "ALTER TABLE api_keys DISABLE TRIGGER usage_ingest_remember_key",
             probe::Severity::kWarning, "trigger usage_ingest_remember_key", "ENABLE TRIGGER",
             false},
        Case{"NarrowCounter",
             "DROP VIEW active_subscriptions; DROP TRIGGER enforce_subscription_quota ON "
             "subscriptions; ALTER TABLE subscriptions ALTER used_tokens TYPE integer",
             probe::Severity::kWarning, "subscriptions.used_tokens", "TYPE bigint", false},
        Case{"StatusWithoutSuspended",
             "DROP VIEW active_subscriptions; DROP INDEX unique_active_subscription; DROP TRIGGER "
             "usage_ingest_announce ON subscriptions; ALTER TABLE "
             "subscriptions ALTER status DROP DEFAULT, ALTER status TYPE text; ALTER TABLE "
             "subscriptions ADD CONSTRAINT stati CHECK (status IN ('active', 'off'))",
             probe::Severity::kFatal, "public.subscriptions.status", "DROP CONSTRAINT \"stati\"",
             false}),
    [](const auto& test) { return test.param.name; });

class ProbeFactsTest : public PostgresTest {};

TEST_F(ProbeFactsTest, ForeignTriggerMeansTheSlowPathEvenForASuperuser) {
  Database database = CreateMigrated("litemaas");
  EXPECT_TRUE(Probe("litemaas").facts.copy_path->may_skip_constraints());
  database.Execute(kForeignTrigger);
  EXPECT_FALSE(Probe("litemaas").facts.copy_path->may_skip_constraints());
  database.Execute("ALTER TABLE usage_logs DISABLE TRIGGER theirs");
  EXPECT_TRUE(Probe("litemaas").facts.copy_path->may_skip_constraints());
}

TEST_F(ProbeFactsTest, DisabledTriggerOfTheSeedCannotCountTwice) {
  Database database = CreateMigrated("litemaas");
  database.Execute(std::string(kTriggerWithoutGuard) +
                   "; ALTER TABLE usage_logs DISABLE TRIGGER update_usage_on_log");
  EXPECT_TRUE(Probe("litemaas").ok());
}

// A trigger that only hears of updates cannot miss the rows of the fast path.
TEST_F(ProbeFactsTest, TriggerOnUpdatesIsNoneOfOurBusiness) {
  Database database = CreateMigrated("litemaas");
  database.Execute(
      "CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE "
      "TRIGGER theirs AFTER UPDATE ON usage_logs FOR EACH ROW EXECUTE FUNCTION noop()");
  const probe::ProbeReport report = Probe("litemaas");
  EXPECT_TRUE(report.findings.empty()) << report.findings[0].ToLine();
  EXPECT_TRUE(report.facts.copy_path->may_skip_constraints());
}

// LiteMaaS runs its CREATE OR REPLACE FUNCTION statements again when it starts.
TEST_F(ProbeFactsTest, SummaryFunctionOfTheSeedIsFoundAndMigrateBringsOursBack) {
  Database database = CreateMigrated("litemaas");
  const std::string seed = ReadTestData("seed/schema.sql");
  const std::size_t begin = seed.find("CREATE OR REPLACE FUNCTION update_usage_summary()");
  database.Execute(seed.substr(begin, seed.find("CREATE TRIGGER", begin) - begin));
  const probe::ProbeReport report = Probe("litemaas");
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].severity, probe::Severity::kWarning);
  EXPECT_TRUE(Holds(report.findings[0].fix, "WHERE number = 15"));
  database.Execute("DELETE FROM usage_ingest.migrations WHERE number = 15");
  MustMigrate("litemaas");
  EXPECT_TRUE(Probe("litemaas").findings.empty());
}

TEST_F(ProbeFactsTest, ColumnsOfUsageLogsAreThoseOfTheCatalogue) {
  Database database = CreateMigrated("litemaas");
  database.Execute("ALTER TABLE usage_logs ADD COLUMN region TEXT DEFAULT 'eu'");
  const probe::DatabaseFacts facts = Probe("litemaas").facts;
  ASSERT_EQ(facts.usage_log_columns.size(), 18U);
  EXPECT_EQ(facts.usage_log_columns[0].name, "id");
  EXPECT_EQ(facts.usage_log_columns[0].type_oid, 2950U);
  EXPECT_TRUE(facts.usage_log_columns[0].not_null);
  EXPECT_TRUE(facts.usage_log_columns[7].generated);
  EXPECT_EQ(facts.usage_log_columns[17].type, "text");
  EXPECT_TRUE(facts.usage_log_columns[17].has_default);
}

// COPY does not work under row security, and a hidden subscription gets no usage; a superuser does
// not see it.
TEST_F(ProbeFactsTest, RowSecurityIsFoundForTheRoleItConcerns) {
  Database database = CreateMigrated("litemaas");
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  for (const std::string table : {"usage_logs", "subscriptions", "api_keys", "users", "teams",
                                  "usage_summaries", "audit_logs", "usage_ingest.key_history"}) {
    database.Execute("ALTER TABLE " + table + " ENABLE ROW LEVEL SECURITY");
    EXPECT_TRUE(Probe("litemaas").ok());
    const probe::ProbeReport report = Probe("litemaas", "ingest");
    ASSERT_EQ(report.findings.size(), 1U) << table;
    EXPECT_EQ(report.findings[0].severity, probe::Severity::kFatal);
    EXPECT_EQ(report.findings[0].where, table);
    EXPECT_TRUE(Holds(report.findings[0].fix, "ALTER ROLE ingest BYPASSRLS"))
        << report.findings[0].fix;
    database.Execute("ALTER TABLE " + table + " DISABLE ROW LEVEL SECURITY");
  }
  EXPECT_TRUE(Probe("litemaas", "ingest").findings.empty());
}

TEST_F(ProbeFactsTest, DatabaseOfTheSeedIsNotMigrated) {
  CreateSeed("seed");
  const probe::ProbeReport report = Probe("seed");
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].fix, "run `usage-ingestd migrate`");
}

// A server where three sessions are reserved and 17 are left.
class ProbeSessionsTest : public PostgresTest {
 protected:
  ProbeSessionsTest()
      : PostgresTest(
            {.fsync = false,
             .settings = {{"max_connections", "20"}, {"superuser_reserved_connections", "3"}}}) {}

  // The findings for a daemon with `writers` as role ingest, without those about other things.
  std::vector<probe::Finding> FindingsFor(std::size_t writers) {
    const auto report = probe::ProbeDatabase(postgres_.conninfo("litemaas", "ingest"), writers);
    if (!report) throw std::runtime_error(report.error().context);
    std::vector<probe::Finding> found;
    for (const probe::Finding& finding : report->findings) {
      if (Holds(finding.what, "sessions")) found.push_back(finding);
    }
    return found;
  }
};

TEST_F(ProbeSessionsTest, TheLimitOfTheRoleMustHoldWritersAndTheFourOthers) {
  Database database = CreateMigrated("litemaas");
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  EXPECT_TRUE(FindingsFor(2).empty());
  database.Execute("ALTER ROLE ingest CONNECTION LIMIT 6");
  EXPECT_TRUE(FindingsFor(2).empty());

  const auto few = FindingsFor(3);  // needs 7; one of the short ones must wait
  ASSERT_EQ(few.size(), 1U);
  EXPECT_EQ(few[0].ToLine(),
            "warning: role ingest: a daemon with 3 writers needs 7 sessions, and its CONNECTION "
            "LIMIT permits 6; fix: ALTER ROLE ingest CONNECTION LIMIT 7");
  const auto too_few = FindingsFor(6);  // a writer or the housekeeping gets none
  ASSERT_EQ(too_few.size(), 1U);
  EXPECT_EQ(too_few[0].severity, probe::Severity::kFatal);
  database.Execute(too_few[0].fix);
  EXPECT_TRUE(FindingsFor(6).empty());
}

TEST_F(ProbeSessionsTest, SessionsOfOtherProgramsAreTakenAway) {
  Database database = CreateMigrated("litemaas");
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  database.Execute("ALTER ROLE ingest CONNECTION LIMIT 7");
  Database other(postgres_.conninfo("litemaas", "ingest"));
  other.Execute("SELECT 1");
  const auto found = FindingsFor(3);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].severity, probe::Severity::kWarning);
  EXPECT_TRUE(Holds(found[0].what, "leaves 6 now: others have 1 of 7")) << found[0].what;
  EXPECT_EQ(found[0].fix, "ALTER ROLE ingest CONNECTION LIMIT 8");
  other.Execute("SET application_name = 'usage-ingestd/lane 0'");  // the daemon itself runs
  EXPECT_TRUE(FindingsFor(3).empty());
}

TEST_F(ProbeSessionsTest, TheDatabaseAndTheServerHaveLimitsToo) {
  Database database = CreateMigrated("litemaas");
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  database.Execute("ALTER DATABASE litemaas CONNECTION LIMIT 5");
  const auto of_database = FindingsFor(4);
  ASSERT_EQ(of_database.size(), 1U);
  EXPECT_EQ(of_database[0].where, "database litemaas");
  database.Execute("ALTER DATABASE litemaas CONNECTION LIMIT -1");

  EXPECT_TRUE(FindingsFor(12).empty());  // 16 of 17; the other one is this test's
  const auto of_server = FindingsFor(17);
  ASSERT_EQ(of_server.size(), 1U);
  EXPECT_EQ(of_server[0].severity, probe::Severity::kFatal);
  EXPECT_EQ(of_server[0].where, "server");
  EXPECT_TRUE(Holds(of_server[0].what, "without the reserved ones permits 17"))
      << of_server[0].what;
}

}  // namespace
}  // namespace usage_ingest::postgres
