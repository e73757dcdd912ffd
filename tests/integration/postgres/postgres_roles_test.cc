// The daemon as an ordinary role: with what `migrate --print-grants` prints, and no more.
#include "ingest/postgres/probe/grants.h"
#include "tests/integration/postgres/daemon_like_writer.h"

namespace usage_ingest::postgres {
namespace {

class RolesTest : public PostgresTest {
 protected:
  void SetUp() override {
    database_ = std::make_unique<Database>(CreateMigrated("litemaas"));
    Populate(*database_, 3);
    database_->Execute("SELECT usage_ingest.ensure_partition((now() - interval '4 days')::date)");
  }
  Database ConnectAs(const std::string& role) {
    return Database(postgres_.conninfo("litemaas", role));
  }
  void ExpectTotalsOf(std::int64_t rows) {
    EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), rows);
    EXPECT_EQ(database_->Number("SELECT sum(used_requests) FROM subscriptions"), rows);
    blocking::SyncConnection connection = Open("litemaas");
    const auto report = admin::VerifySummaries(connection, {});
    ASSERT_TRUE(report);
    EXPECT_EQ(report->rows_different, 0);
  }

  std::unique_ptr<Database> database_;
};

TEST_F(RolesTest, PrintedGrantsAreEnoughOnTheFastPath) {
  CreateDaemonRole("in\"gest", "litemaas", /*fast=*/true);
  const probe::ProbeReport report = Probe("litemaas", "'in\\\"gest'");
  EXPECT_TRUE(report.findings.empty()) << report.findings.front().ToLine();
  EXPECT_TRUE(report.facts.copy_path->may_skip_constraints());
  DaemonLikeWriter writer(ConnectAs("'in\\\"gest'"), /*fast_path=*/true, 1);
  ASSERT_TRUE(writer.WriteBatch(100));
  ExpectTotalsOf(100);
}

TEST_F(RolesTest, PrintedGrantsAreEnoughOnTheSlowPath) {
  CreateDaemonRole("ingest", "litemaas", /*fast=*/false);
  const probe::ProbeReport report = Probe("litemaas", "ingest");
  EXPECT_TRUE(report.ok());
  EXPECT_FALSE(report.facts.copy_path->may_skip_constraints());
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].fix,
            "GRANT SET ON PARAMETER session_replication_role TO \"ingest\"");
  Database ingest = ConnectAs("ingest");
  EXPECT_EQ(SqlstateOf(ingest, "SET session_replication_role = replica"), "42501");
  DaemonLikeWriter writer(ConnectAs("ingest"), /*fast_path=*/false, 1);
  ASSERT_TRUE(writer.WriteBatch(100));
  ExpectTotalsOf(100);
}

TEST_F(RolesTest, EverySingleGrantIsNeededAndNamed) {
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  database_->Execute(
      "REVOKE TEMPORARY, CONNECT ON DATABASE litemaas FROM PUBLIC;"
      "REVOKE USAGE ON SCHEMA public FROM PUBLIC");
  int revoked = 0;
  for (const probe::Privilege& privilege : probe::RequiredPrivileges()) {
    if (privilege.privileges == "CONNECT") continue;  // then there is no session to ask in
    std::string grant = probe::GrantStatement(privilege, "ingest", "litemaas");
    std::string revoke = "REVOKE" + grant.substr(5);
    revoke.replace(revoke.rfind(" TO "), 4, " FROM ");
    database_->Execute(revoke);
    const probe::ProbeReport report = Probe("litemaas", "ingest");
    ASSERT_FALSE(report.findings.empty()) << revoke;
    EXPECT_EQ(report.ok(), privilege.optional) << revoke;
    bool named = false;
    for (const probe::Finding& finding : report.findings) {
      // quoted only where it must be, or always
      named = named || Holds(finding.fix, grant) ||
              Holds(finding.fix, grant.substr(0, grant.rfind(" TO ")) + " TO ingest");
    }
    EXPECT_TRUE(named) << revoke << "\n" << report.findings.front().ToLine();
    database_->Execute(grant);
    ++revoked;
  }
  EXPECT_EQ(revoked, static_cast<int>(probe::RequiredPrivileges().size()) - 1);
  EXPECT_TRUE(Probe("litemaas", "ingest").findings.empty());
}

TEST_F(RolesTest, DaemonsRoleCanDoNothingElse) {
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  Database ingest = ConnectAs("ingest");
  for (const char* sql :
       {"UPDATE subscriptions SET quota_tokens = 1", "UPDATE subscriptions SET status = 'active'",
        "DELETE FROM usage_logs", "UPDATE usage_logs SET input_cost = 0", "DELETE FROM users",
        "UPDATE api_keys SET key_hash = ''", "CREATE TABLE public.mine (x int)",
        "DROP TABLE usage_logs", "SELECT * FROM audit_logs", "DELETE FROM usage_ingest.migrations",
        "TRUNCATE usage_ingest.kafka_offsets", "CREATE TABLE usage_ingest.mine (x int)"}) {
    EXPECT_EQ(SqlstateOf(ingest, sql), "42501") << sql;
  }
}

// A caller cannot make our SECURITY DEFINER functions use its own tables.
TEST_F(RolesTest, DefinerFunctionsIgnoreTheCallersSearchPath) {
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  Database ingest = ConnectAs("ingest");
  ingest.Execute(
      "CREATE TEMPORARY TABLE subscriptions (id UUID); CREATE TEMPORARY TABLE pg_class "
      "(oid OID); SET search_path = pg_temp, public");
  const std::string id = database_->Value("SELECT id FROM subscriptions LIMIT 1");
  EXPECT_TRUE(
      ingest.Lines("SELECT * FROM usage_ingest.lock_parents(ARRAY['" + id + "'::uuid], '{}', '{}')")
          .empty());
  EXPECT_EQ(ingest.Value("SELECT usage_ingest.ensure_partition('2017-02-01')"), "created");
  EXPECT_GT(database_->Number("SELECT count(*) FROM pg_proc WHERE pronamespace = "
                              "'usage_ingest'::regnamespace AND prosecdef"),
            10);
  EXPECT_EQ(database_->Lines("SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = "
                             "'usage_ingest'::regnamespace AND prosecdef AND "
                             "('search_path=pg_catalog, pg_temp' = ANY (proconfig) IS NOT TRUE OR "
                             "proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) WHERE "
                             "grantee = 0))"),
            std::vector<std::string>{})
      << "an open search_path, or EXECUTE for everyone";
}

// One audit row and one notification, in the transaction that suspends, by an ordinary role.
TEST_F(RolesTest, SuspensionIsAuditedAndAnnounced) {
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  database_->Execute("UPDATE subscriptions SET quota_requests = 0 WHERE model_id = 'model-a'");
  Database listener = postgres_.Connect("litemaas");
  listener.Execute("LISTEN usage_ingest_suspended");
  DaemonLikeWriter writer(ConnectAs("ingest"), /*fast_path=*/true, 1);
  ASSERT_TRUE(writer.WriteBatch(200));
  ASSERT_TRUE(writer.WriteBatch(200));
  listener.Execute("SELECT 1");
  EXPECT_EQ(listener.Notifications().size(), 3U);
  EXPECT_EQ(
      database_->Number("SELECT count(*) FROM audit_logs a JOIN subscriptions s ON a.user_id = "
                        "s.user_id AND a.resource_id = s.id::text WHERE a.action = "
                        "'subscription.suspended' AND a.resource_type = 'subscription' AND "
                        "a.metadata->>'quota_requests' = '0' AND s.status = 'suspended'"),
      3);
}

// A database whose tables belong to an ordinary role, migrated by a superuser.
class OwnerTest : public PostgresTest {
 protected:
  Database CreateForOwner() {
    CreateRole("litemaas");
    postgres_.Connect("postgres").Execute("ALTER ROLE litemaas CREATEROLE");
    postgres_.Connect("postgres").Execute("CREATE DATABASE litemaas OWNER litemaas");
    return Database(postgres_.conninfo("litemaas", "litemaas"));
  }
  // Any call of plant() makes the role "litemaas" a superuser, if the caller may do that. Only a
  // volatile function may execute ALTER ROLE; an index may only use an immutable one.
  static void PlantFunction(Database& owner) {
    owner.Execute(
        "CREATE FUNCTION public.escalate() RETURNS void LANGUAGE plpgsql AS $$ BEGIN ALTER ROLE "
        "litemaas SUPERUSER; EXCEPTION WHEN insufficient_privilege THEN END $$;"
        "CREATE FUNCTION public.plant(text) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM public.escalate(); RETURN true; END $$;"
        "CREATE INDEX ON public.usage_logs (model_id) WHERE public.plant('x');"
        "ALTER TABLE public.usage_logs ADD CHECK (public.plant('y'))");
  }
  void ExpectNoSuperuser() {
    EXPECT_EQ(postgres_.Connect("litemaas")
                  .Value("SELECT rolsuper FROM pg_roles WHERE rolname = 'litemaas'"),
              "f");
  }
};

TEST_F(OwnerTest, NoFunctionOfTheSchemaRunsAsTheSuperuserWhoMigrated) {
  Database owner = CreateForOwner();
  owner.Execute(ReadTestData("databases/filled_without_usage.sql"));
  MustMigrate("litemaas");
  Database admin = postgres_.Connect("litemaas");
  EXPECT_EQ(admin.Lines("SELECT proname FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner "
                        "WHERE rolsuper AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid "
                        "AND deptype = 'e') AND pronamespace IN ('public'::regnamespace, "
                        "'usage_ingest'::regnamespace)"),
            std::vector<std::string>{});
  PlantFunction(owner);
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  Database ingest(postgres_.conninfo("litemaas", "ingest"));
  EXPECT_EQ(ingest.Value("SELECT usage_ingest.ensure_partition('2017-02-01')"), "created");
  EXPECT_EQ(admin.Value("SELECT usage_ingest.ensure_partition('2017-03-01')"), "created");
  ExpectNoSuperuser();
}

TEST_F(OwnerTest, AParentOfAnotherOwnerIsRefusedBeforeTheFirstStep) {
  Database owner = CreateForOwner();
  owner.Execute(ReadTestData("databases/filled_without_usage.sql"));
  owner.Execute(ReadTestData("databases/filled_with_plain_usage.sql"));
  CreateRole("stranger");
  Database admin = postgres_.Connect("litemaas");
  admin.Execute("ALTER TABLE teams OWNER TO stranger");
  const MigrateOutcome outcome = Migrate("litemaas");
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(
      Holds(outcome.result.error().context, "fix: ALTER TABLE public.usage_logs OWNER TO stranger"))
      << outcome.result.error().context;
  EXPECT_EQ(admin.Value("SELECT to_regnamespace('usage_ingest') IS NULL"), "t");
}

// Its operator fits a comparison of varchar and text better than pg_catalog's, so PostgreSQL would
// choose it in any session that searches schema public.
class UntrustedRoleTest : public RolesTest {
 protected:
  void PlantOperator() {
    Database mallory = ConnectAs("mallory");
    mallory.Execute(
        "CREATE TABLE public.caught (who name); GRANT INSERT ON public.caught TO PUBLIC;"
        "CREATE FUNCTION public.catch(varchar, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO public.caught VALUES (current_user); RETURN $1::text OPERATOR(pg_catalog.=) "
        "$2; END $$;"
        "CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = public.catch)");
  }
  void ExpectNobodyCaught(const std::string& user) {
    blocking::SyncConnection connection = Open("litemaas", user);
    ASSERT_TRUE(connection.Execute(
        "SELECT count(*) FROM public.subscriptions WHERE model_id = 'model-a'::text"));
    EXPECT_EQ(database_->Number("SELECT count(*) FROM public.caught"), 0);
  }
};

TEST_F(UntrustedRoleTest, CannotMakeOurSessionsCallItsOperator) {
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  CreateRole("mallory");
  database_->Execute("GRANT CREATE ON SCHEMA public TO mallory");
  PlantOperator();
  ExpectNobodyCaught("ingest");
  ExpectNobodyCaught("postgres");
  DaemonLikeWriter writer(ConnectAs("ingest"), /*fast_path=*/true, 1);
  ASSERT_TRUE(writer.WriteBatch(100));
  ExpectTotalsOf(100);
  const probe::ProbeReport report = Probe("litemaas", "ingest");
  EXPECT_TRUE(report.ok());
  ASSERT_GE(report.findings.size(), 3U);
  EXPECT_EQ(report.findings[0].fix, "REVOKE CREATE ON SCHEMA public FROM mallory");

  // What it created before the right was taken away is still there.
  database_->Execute("REVOKE CREATE ON SCHEMA public FROM mallory");
  ExpectNobodyCaught("ingest");
  EXPECT_EQ(Probe("litemaas", "ingest").findings.size(), 2U);
  database_->Execute("DROP OPERATOR public.= (varchar, text); DROP FUNCTION public.catch");
  EXPECT_TRUE(Probe("litemaas", "ingest").findings.empty());
}

TEST_F(UntrustedRoleTest, IsRefusedByMigrateBeforeTheFirstStep) {
  Database database = Create("fresh");
  CreateRole("mallory");
  database.Execute("GRANT CREATE ON SCHEMA public TO PUBLIC");
  const MigrateOutcome outcome = Migrate("fresh");
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(
      Holds(outcome.result.error().context, "fix: REVOKE CREATE ON SCHEMA public FROM PUBLIC"))
      << outcome.result.error().context;
  EXPECT_EQ(database.Value("SELECT to_regnamespace('usage_ingest') IS NULL"), "t");
  database.Execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
  MustMigrate("fresh");
}

TEST_F(RolesTest, ReadsNoKeyAndNoAddress) {
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  Database ingest = ConnectAs("ingest");
  for (const char* sql : {"SELECT lite_llm_key_value FROM api_keys", "SELECT email FROM users",
                          "SELECT * FROM teams", "SELECT * FROM models"}) {
    EXPECT_EQ(SqlstateOf(ingest, sql), "42501") << sql;
  }
}

}  // namespace
}  // namespace usage_ingest::postgres
