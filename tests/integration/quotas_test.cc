// quotas.enforce and `quotas lift` as an operator uses them: with the program.
#include <gtest/gtest.h>

#include "tests/support/pipeline/daemon_process.h"
#include "tests/support/postgres/database.h"
#include "tests/support/postgres/postgres_cluster.h"

namespace usage_ingest::support {
namespace {

constexpr const char* kExhaust =
    "INSERT INTO users (username, email, oauth_provider, oauth_id) SELECT 'u' || i, 'u' || i, 'o', "
    "i FROM generate_series(1, 3) AS i;"
    "INSERT INTO models (id, name, provider) VALUES ('m', 'M', 'p');"
    "INSERT INTO subscriptions (user_id, model_id, status, quota_requests) SELECT id, 'm', "
    "'active', 10 FROM users;"
    "UPDATE subscriptions SET used_requests = 11";

class QuotasCommandTest : public ::testing::Test {
 protected:
  QuotasCommandTest() { postgres_.CreateDatabase("litemaas"); }

  [[nodiscard]] CommandResult Run(const std::string& enforce,
                                  const std::vector<std::string>& command) {
    const DaemonProcess daemon({.brokers = "127.0.0.1:1",
                                .conninfo = postgres_.conninfo("litemaas"),
                                .settings = {{"quotas", {{"enforce", '"' + enforce + '"'}}}}});
    return daemon.Run(command);
  }
  static bool Holds(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  PostgresCluster postgres_{{.fsync = false}};
};

TEST_F(QuotasCommandTest, MigrateAndCheckConfigSayWhichModeIsInEffect) {
  const CommandResult plan = Run("active-only", {"migrate", "--dry-run"});
  EXPECT_TRUE(Holds(plan.output, "usage_ingest.enforce_quota('active-only')")) << plan.output;
  const CommandResult migrated = Run("active-only", {"migrate"});
  ASSERT_EQ(migrated.exit_code, 0) << migrated.output << migrated.errors;
  EXPECT_TRUE(Holds(migrated.output, "quotas: mode \"active-only\", because quotas.enforce"))
      << migrated.output;
  EXPECT_TRUE(Holds(Run("active-only", {"check-config", "--connect"}).output,
                    "ok    quotas: mode \"active-only\" is in effect, because quotas.enforce"));
  const CommandResult other = Run("off", {"check-config", "--connect"});
  EXPECT_TRUE(Holds(other.output, "warn  quotas: mode \"active-only\" is in effect"))
      << other.output;
  EXPECT_TRUE(Holds(other.output, "quotas.enforce = \"off\" asks for \"off\"")) << other.output;
  EXPECT_TRUE(Holds(other.output, "fix: run `usage-ingestd migrate`")) << other.output;
}

TEST_F(QuotasCommandTest, LiftTakesBackWhatAQuotaSuspended) {
  ASSERT_EQ(Run("active-only", {"migrate"}).exit_code, 0);
  Database database = postgres_.Connect("litemaas");
  database.Execute(kExhaust);
  const std::string suspended = "SELECT count(*) FROM subscriptions WHERE status = 'suspended'";
  EXPECT_EQ(database.Number(suspended), 3);
  const CommandResult plan = Run("active-only", {"quotas", "lift", "--dry-run"});
  EXPECT_EQ(plan.exit_code, 0) << plan.errors;
  EXPECT_TRUE(Holds(plan.output, "would be lifted")) << plan.output;
  EXPECT_TRUE(Holds(plan.output, "note: 3 are still above the quota")) << plan.output;
  EXPECT_EQ(database.Number(suspended), 3);

  const std::string one = database.Value("SELECT id FROM subscriptions ORDER BY id LIMIT 1");
  const CommandResult lifted =
      Run("active-only", {"quotas", "lift", "--json", "--subscription", one});
  EXPECT_EQ(lifted.exit_code, 0) << lifted.errors;
  EXPECT_TRUE(Holds(lifted.output, one)) << lifted.output;
  EXPECT_TRUE(Holds(lifted.output, "\"lifted\"")) << lifted.output;
  EXPECT_EQ(database.Value("SELECT status FROM subscriptions WHERE id = $1", {one}), "active");
  EXPECT_EQ(database.Number(suspended), 2);
  EXPECT_EQ(Run("active-only", {"quotas", "lift"}).exit_code, 0);
  EXPECT_EQ(database.Number(suspended), 0);
  EXPECT_EQ(
      database.Number("SELECT count(*) FROM audit_logs WHERE action = 'subscription.resumed'"), 3);
}

}  // namespace
}  // namespace usage_ingest::support
