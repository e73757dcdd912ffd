// What suspends a subscription, what is written about it, and how it is lifted: in databases of
// LiteMaaS main (no quota trigger, its own history) and in those of the seed.
#include <algorithm>

#include "ingest/postgres/admin/quota_admin.h"
#include "ingest/postgres/batch/quota_update.h"
#include "ingest/postgres/probe/grants.h"
#include "tests/integration/postgres/postgres_fixture.h"

namespace usage_ingest::postgres {
namespace {

using batch::QuotaEnforcement;
using Lines = std::vector<std::string>;

constexpr const char* kId = "00000000-0000-0000-0000-000000000001";
constexpr const char* kUser = "00000000-0000-0000-0000-0000000000aa";
constexpr const char* kStatus = "SELECT status FROM subscriptions";

class QuotasTest : public PostgresTest {
 protected:
  void SetUp() override { CreateRole("ingest"); }

  Database CreateMain() {
    Database database = Create("litemaas");
    database.Execute(ReadTestData("databases/litemaas_main_subscriptions.sql"));
    return database;
  }
  std::string MigrateWith(QuotaEnforcement enforcement) {
    const MigrateOutcome outcome = Migrate("litemaas", {.enforce_quotas = enforcement});
    EXPECT_TRUE(outcome.result) << outcome.result.error().context << "\n" << outcome.output;
    postgres_.Connect("litemaas").Execute(probe::GrantsFor("ingest", "litemaas"));
    return outcome.output;
  }
  static void AddSubscription(Database& database, const std::string& status, int quota_requests,
                              int quota_tokens) {
    database.Execute(
        "INSERT INTO users (id, username, email, oauth_provider, oauth_id) VALUES ('" +
        std::string(kUser) +
        "', 'u', 'u@example.com', 'o', '1');"
        "INSERT INTO models (id, name, provider) VALUES ('m', 'M', 'p');"
        "INSERT INTO subscriptions (id, user_id, model_id, status, quota_requests, quota_tokens) "
        "VALUES ('" +
        std::string(kId) + "', '" + kUser + "', 'm', '" + status + "', " +
        std::to_string(quota_requests) + ", " + std::to_string(quota_tokens) + ")");
  }
  // As the daemon counts a batch, with the privileges of its role. Returns what became suspended.
  Lines Count(const std::string& requests, const std::string& tokens) {
    Database daemon(postgres_.conninfo("litemaas", "ingest"));
    daemon.Execute("BEGIN; SET LOCAL usage_ingest.aggregating = 'on'");
    Lines suspended;
    for (const auto& row : daemon.Query(batch::AddQuotasSql(batch::Spend::kLeftAlone),
                                        {"{" + std::string(kId) + "}", "{" + requests + "}",
                                         "{" + tokens + "}", "{}", "{0}"})) {
      suspended.push_back(row.at(0).value());
    }
    daemon.Execute("COMMIT");
    return suspended;
  }
  std::string Lift() {
    blocking::SyncConnection connection = Open("litemaas");
    const auto outcome = admin::LiftSuspension(connection, kId);
    return outcome ? *outcome : outcome.error().context;
  }
  std::vector<admin::Suspension> Suspensions() {
    blocking::SyncConnection connection = Open("litemaas");
    auto listed = admin::ListSuspensions(connection, "");
    if (!listed) throw std::runtime_error(listed.error().context);
    return std::move(*listed);
  }
};

TEST_F(QuotasTest, QuotaOfZeroIsNoLimitWhereLiteMaasHadNoTrigger) {
  Database database = CreateMain();
  const std::string output = MigrateWith(QuotaEnforcement::kAuto);
  EXPECT_TRUE(Holds(output,
                    "quotas: mode \"active-only\", because subscriptions had no quota "
                    "trigger before migrate (quotas.enforce = \"auto\")"))
      << output;
  AddSubscription(database, "active", 0, 0);
  EXPECT_EQ(Count("1000", "100000"), Lines{});
  EXPECT_EQ(database.Value(kStatus), "active");
  EXPECT_EQ(database.Number("SELECT used_tokens FROM subscriptions"), 100000);
  database.Execute("ALTER TABLE subscriptions ALTER quota_requests DROP NOT NULL");
  database.Execute("UPDATE subscriptions SET quota_requests = NULL, quota_tokens = 100001");
  EXPECT_EQ(Count("1", "1"), Lines{}) << "exactly used up";
  EXPECT_EQ(Count("1", "1"), Lines{kId}) << "one more than the quota";
  EXPECT_EQ(database.Value(kStatus), "suspended");
}

TEST_F(QuotasTest, DecisionsOfAnAdministratorStay) {
  Database database = CreateMain();
  MigrateWith(QuotaEnforcement::kAuto);
  AddSubscription(database, "active", 1, 1);
  for (const char* status : {"denied", "cancelled", "expired", "pending"}) {
    database.Execute(std::string("UPDATE subscriptions SET status_reason = 'mine', status = '") +
                     status + "'");
    EXPECT_EQ(Count("5", "5"), Lines{}) << status;
    EXPECT_EQ(database.Lines("SELECT status, status_reason FROM subscriptions"),
              Lines{std::string(status) + "\tmine\t"});
  }
  EXPECT_EQ(database.Number("SELECT count(*) FROM subscription_status_history"), 0);
  EXPECT_EQ(database.Number("SELECT count(*) FROM audit_logs"), 0);
}

TEST_F(QuotasTest, SuspensionIsWrittenAsLiteMaasWritesIt) {
  Database database = CreateMain();
  MigrateWith(QuotaEnforcement::kAuto);
  AddSubscription(database, "active", 10, 0);
  database.Execute(std::string("UPDATE subscriptions SET status_changed_by = '") + kUser + "'");
  database.Execute("LISTEN usage_ingest_suspended");
  EXPECT_EQ(Count("11", "7"), Lines{kId});
  EXPECT_EQ(Count("1", "1"), Lines{});
  EXPECT_EQ(database.Lines("SELECT status, status_reason, status_changed_at > now() - interval '1 "
                           "hour', status_changed_by IS NULL FROM subscriptions"),
            Lines{"suspended\tquota exceeded\tt\tt\t"});
  EXPECT_EQ(database.Lines("SELECT old_status, new_status, reason, changed_by IS NULL FROM "
                           "subscription_status_history"),
            Lines{"active\tsuspended\tquota exceeded\tt\t"});
  EXPECT_EQ(database.Lines("SELECT action, resource_type, resource_id, old_values->>'status', "
                           "new_values->>'status', metadata->>'used_requests' FROM audit_logs"),
            Lines{std::string("subscription.suspended\tSUBSCRIPTION\t") + kId +
                  "\tactive\tsuspended\t11\t"});
  EXPECT_EQ(database.Notifications().size(), 1U);
}

// The row trigger of other writers counts, too.
TEST_F(QuotasTest, SuspensionByAnotherWriterIsWrittenOnce) {
  Database database = CreateMain();
  MigrateWith(QuotaEnforcement::kAuto);
  AddSubscription(database, "active", 1, 0);
  CreateRole("writer");
  database.Execute(
      "GRANT INSERT ON usage_logs TO writer; GRANT SELECT, UPDATE ON subscriptions TO "
      "writer; GRANT SELECT, INSERT, UPDATE ON usage_summaries TO writer");
  Database writer(postgres_.conninfo("litemaas", "writer"));
  for (int i = 0; i < 3; ++i) {
    writer.Execute(
        "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens) "
        "SELECT id, model_id, 1, 1 FROM subscriptions");
  }
  EXPECT_EQ(database.Value(kStatus), "suspended");
  EXPECT_EQ(database.Number("SELECT count(*) FROM subscription_status_history"), 1);
  EXPECT_EQ(database.Number("SELECT count(*) FROM audit_logs"), 1);
}

TEST_F(QuotasTest, HistoryThatCannotBeWrittenIsReported) {
  Database database = CreateMain();
  CreateRole("owner");
  CreateRole("stranger");
  MigrateWith(QuotaEnforcement::kAuto);
  EXPECT_TRUE(Probe("litemaas").ok());
  database.Execute(
      "ALTER FUNCTION usage_ingest.watch_status() OWNER TO owner;"
      "ALTER TABLE subscription_status_history OWNER TO stranger");
  const probe::ProbeReport report = Probe("litemaas");
  EXPECT_FALSE(report.ok());
  Lines fixes;
  for (const probe::Finding& finding : report.findings) fixes.push_back(finding.fix);
  EXPECT_NE(std::ranges::find(fixes, "GRANT INSERT ON public.audit_logs TO owner"), fixes.end());
  EXPECT_NE(std::ranges::find(fixes, "GRANT INSERT ON public.subscription_status_history TO owner"),
            fixes.end());
}

TEST_F(QuotasTest, NothingOfARolledBackBatchStays) {
  Database database = CreateMain();
  MigrateWith(QuotaEnforcement::kAuto);
  AddSubscription(database, "active", 1, 1);
  database.Execute("BEGIN; UPDATE subscriptions SET used_requests = 2; ROLLBACK");
  EXPECT_EQ(database.Value(kStatus), "active");
  EXPECT_EQ(database.Number("SELECT (SELECT count(*) FROM subscription_status_history) + (SELECT "
                            "count(*) FROM audit_logs)"),
            0);
  EXPECT_TRUE(Suspensions().empty());
}

TEST_F(QuotasTest, OurSuspensionIsLiftedWithHistory) {
  Database database = CreateMain();
  MigrateWith(QuotaEnforcement::kAuto);
  AddSubscription(database, "active", 10, 0);
  EXPECT_EQ(Lift(), "not suspended by a quota");
  EXPECT_EQ(Count("11", "7"), Lines{kId});
  ASSERT_EQ(Suspensions().size(), 1U);
  EXPECT_TRUE(Suspensions()[0].is_liftable);
  EXPECT_TRUE(Suspensions()[0].is_over_quota);
  EXPECT_EQ(Suspensions()[0].requests, "11 of 10");
  EXPECT_EQ(Lift(), "lifted");
  EXPECT_TRUE(Suspensions().empty());
  EXPECT_EQ(database.Lines("SELECT status, status_reason FROM subscriptions"),
            Lines{"active\tsuspension by quota lifted\t"});
  EXPECT_EQ(database.Lines("SELECT old_status, new_status FROM subscription_status_history"),
            (Lines{"active\tsuspended\t", "suspended\tactive\t"}));
  EXPECT_EQ(database.Number("SELECT count(*) FROM audit_logs WHERE action = "
                            "'subscription.resumed' AND resource_type = 'SUBSCRIPTION'"),
            1);
  EXPECT_EQ(Lift(), "not suspended by a quota");
  EXPECT_EQ(Count("1", "1"), Lines{kId}) << "its quota is still exceeded";
}

TEST_F(QuotasTest, SuspensionThatAnAdministratorTookOverStays) {
  Database database = CreateMain();
  MigrateWith(QuotaEnforcement::kAuto);
  AddSubscription(database, "active", 10, 0);
  EXPECT_EQ(Count("11", "7"), Lines{kId});
  database.Execute("UPDATE subscriptions SET status_reason = 'abuse', status_changed_at = now()");
  EXPECT_FALSE(Suspensions().at(0).is_liftable);
  EXPECT_EQ(Lift(), "its status was changed since");
  // Away and back: the second suspension is the administrator's.
  database.Execute("UPDATE subscriptions SET status = 'active'");
  database.Execute("UPDATE subscriptions SET status = 'suspended'");
  EXPECT_EQ(Lift(), "not suspended by a quota");
  EXPECT_EQ(database.Value(kStatus), "suspended");
}

TEST_F(QuotasTest, ModesCanBeChangedAndAreReported) {
  Database database = CreateMain();
  MigrateWith(QuotaEnforcement::kOff);
  AddSubscription(database, "active", 1, 1);
  EXPECT_EQ(Count("5", "5"), Lines{});
  EXPECT_EQ(database.Number("SELECT used_requests FROM subscriptions"), 5);
  EXPECT_EQ(Probe("litemaas").facts.quotas.in_effect, QuotaEnforcement::kOff);

  EXPECT_TRUE(Holds(MigrateWith(QuotaEnforcement::kSeed), "mode \"seed\", because quotas.enforce"));
  database.Execute("UPDATE subscriptions SET status = 'denied', quota_requests = 0");
  EXPECT_EQ(Count("1", "1"), Lines{kId}) << "the seed's rule: any status, 0 is exceeded";
  EXPECT_EQ(database.Lines("SELECT status, status_reason FROM subscriptions"),
            Lines{"suspended\tquota exceeded\t"});
  EXPECT_EQ(Lift(), "lifted");
  EXPECT_EQ(database.Value(kStatus), "denied");

  MigrateWith(QuotaEnforcement::kAuto);
  const probe::QuotaState state = Probe("litemaas").facts.quotas;
  EXPECT_EQ(state.in_effect, QuotaEnforcement::kActiveOnly) << "what was there first is stored";
  EXPECT_EQ(state.reason, "subscriptions had no quota trigger before migrate");
  EXPECT_EQ(Count("1", "1"), Lines{}) << "denied stays";

  database.Execute("ALTER TABLE subscriptions ENABLE TRIGGER enforce_subscription_quota");
  bool is_reported = false;
  for (const probe::Finding& finding : Probe("litemaas").findings) {
    is_reported = is_reported || Holds(finding.what,
                                       "mode \"seed\" is in effect, migrate set "
                                       "\"active-only\"");
  }
  EXPECT_TRUE(is_reported);
}

// It creates the seed's trigger again, which names the column.
TEST_F(QuotasTest, WideningACounterEnablesNoTrigger) {
  Database database = CreateMain();
  // A column that a view reads is left to a person.
  database.Execute("CREATE VIEW report AS SELECT used_tokens FROM subscriptions");
  MigrateWith(QuotaEnforcement::kSeed);
  MigrateWith(QuotaEnforcement::kAuto);
  int fixes = 0;
  for (const probe::Finding& finding : Probe("litemaas").findings) {
    if (!Holds(finding.where, "subscriptions.used_tokens")) continue;
    database.Execute(finding.fix);
    ++fixes;
  }
  EXPECT_EQ(fixes, 1);
  EXPECT_EQ(Probe("litemaas").facts.quotas.in_effect, QuotaEnforcement::kActiveOnly);
  AddSubscription(database, "denied", 1, 1);
  EXPECT_EQ(Count("5", "3000000000"), Lines{});
}

TEST_F(QuotasTest, TriggerOfTheSeedStaysWhereItWas) {
  Database database = CreateSeed("litemaas");
  const std::string output = MigrateWith(QuotaEnforcement::kAuto);
  EXPECT_TRUE(Holds(output, "mode \"seed\", because the seed's trigger")) << output;
  AddSubscription(database, "expired", 0, 0);
  EXPECT_EQ(Count("1", "1"), Lines{kId});
  EXPECT_EQ(database.Lines("SELECT action, resource_type FROM audit_logs"),
            Lines{"subscription.suspended\tsubscription\t"});
  EXPECT_EQ(Lift(), "lifted");
  EXPECT_EQ(database.Value(kStatus), "expired");
}

}  // namespace
}  // namespace usage_ingest::postgres
