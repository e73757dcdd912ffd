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
  EXPECT_TRUE(report.facts.may_skip_constraints);
  DaemonLikeWriter writer(ConnectAs("'in\\\"gest'"), /*fast_path=*/true, 1);
  ASSERT_TRUE(writer.WriteBatch(100));
  ExpectTotalsOf(100);
}

TEST_F(RolesTest, PrintedGrantsAreEnoughOnTheSlowPath) {
  CreateDaemonRole("ingest", "litemaas", /*fast=*/false);
  const probe::ProbeReport report = Probe("litemaas", "ingest");
  EXPECT_TRUE(report.ok());
  EXPECT_FALSE(report.facts.may_skip_constraints);
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
  EXPECT_GT(revoked, 20);
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
  for (const char* name :
       {"lock_parents", "ensure_partition", "remember_key", "announce_references"}) {
    EXPECT_EQ(
        database_->Value("SELECT prosecdef AND array_to_string(proconfig, ' ') LIKE "
                         "'%search_path=pg_catalog, pg_temp%' FROM pg_proc WHERE proname = $1",
                         {name}),
        "t")
        << name;
  }
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

}  // namespace
}  // namespace usage_ingest::postgres
