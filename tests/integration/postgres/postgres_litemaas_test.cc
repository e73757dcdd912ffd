// The daemon in databases that releases of LiteMaaS created: migrated, filled, reset, backed up and
// restored, in any order with LiteMaaS' own starts and upgrades. LiteMaaS works as the owner of its
// tables, the daemon as its own role.
#include <fstream>

#include "ingest/postgres/probe/grants.h"
#include "tests/integration/postgres/litemaas_releases.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/support/pipeline/daemon_process.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

constexpr const char* kOwner = "litemaas";
constexpr const char* kDaemon = "ingest";
constexpr int kTokens = 10;  // of an event

class LiteMaasTest : public PostgresTest {
 protected:
  LiteMaasTest() {
    CreateRole(kOwner);
    CreateRole(kDaemon);
  }

  // An installation of LiteMaaS without users.
  Database Install(const std::string& database, const LiteMaasRelease& release) {
    postgres_.Connect("postgres").Execute("CREATE DATABASE " + database + " OWNER " + kOwner);
    Database owner = As(kOwner, database);
    StartLiteMaas(owner, release);
    return owner;
  }
  Database As(const std::string& role, const std::string& database) {
    return Database(postgres_.conninfo(database, role));
  }
  // Two users with two subscriptions and keys each; where LiteMaaS logged usage, some of it.
  static void Fill(Database& owner, const LiteMaasRelease& release) {
    Populate(owner, 2);
    owner.Execute(
        "DELETE FROM subscriptions WHERE user_id IN (SELECT id FROM users WHERE oauth_provider = "
        "'system')");
    owner.Execute("UPDATE subscriptions SET quota_requests = 10000, quota_tokens = 1000000");
    if (!release.has_usage) return;
    owner.Execute(
        "INSERT INTO usage_logs (subscription_id, model_id, user_id, request_tokens, "
        "response_tokens, total_tokens, status_code, created_at) SELECT id, model_id, user_id, 3, "
        "4, 7, 200, now() - interval '40 days' FROM subscriptions");
  }
  // As `role`, with the grants of the daemon's role after it.
  std::string MigrateAs(const std::string& role, const std::string& database) {
    std::string output = MigrateAndFix(postgres_.conninfo(database, role));
    Grant(database);
    return output;
  }
  void Grant(const std::string& database) {
    postgres_.Connect(database).Execute(probe::GrantsFor(kDaemon, database));
  }
  void ExpectUsable(const std::string& database) {
    for (const probe::Finding& finding : Probe(database, kDaemon).findings) {
      EXPECT_NE(finding.severity, probe::Severity::kFatal) << finding.ToLine();
    }
  }

  // The next `count` events of each key, as a file; the numbers of later files go on. `more` is
  // further metadata of each.
  std::string Events(Database& database, int count, const std::string& more = "") {
    const std::filesystem::path path = folder_.path() / (std::to_string(next_event_) + ".ndjson");
    std::ofstream file(path);
    const std::string now = database.Value("SELECT extract(epoch FROM now())::bigint");
    const auto keys = database.Query(
        "SELECT k.key_hash, s.model_id FROM api_keys AS k JOIN subscriptions AS s ON s.id = "
        "k.subscription_id ORDER BY k.id");
    for (int i = 0; i < count; ++i) {
      for (const auto& key : keys) {
        file << R"({"id":"event-)" << next_event_++ << R"(","status":"success","startTime":)" << now
             << R"(,"endTime":)" << now << R"(,"prompt_tokens":)" << kTokens - 1
             << R"(,"completion_tokens":1,"response_cost":0.001,"model_group":")" << *key[1]
             << R"(","metadata":{"user_api_key_hash":")" << *key[0] << '"' << more << "}}\n";
      }
    }
    return path;
  }
  void MustRun(const std::string& database, const std::vector<std::string>& words,
               const std::string& role = kDaemon) {
    const support::DaemonProcess program(
        {.brokers = "127.0.0.1:1", .conninfo = postgres_.conninfo(database, role)});
    const support::CommandResult result = program.Run(words);
    EXPECT_EQ(result.exit_code, 0) << result.output << result.errors;
  }
  void Import(const std::string& database, const std::string& file) {
    MustRun(database, {"import", file});
  }
  // Rows of the daemon, and their sums in summaries; used_* of one subscription.
  void ExpectCounted(const std::string& database, int rows, int used_requests) {
    Database admin = postgres_.Connect(database);
    EXPECT_EQ(admin.Number("SELECT count(*) FROM usage_logs WHERE litellm_request_id IS NOT NULL"),
              rows);
    EXPECT_EQ(admin.Number("SELECT coalesce(sum(total_tokens), 0) FROM usage_summaries WHERE "
                           "period_type = 'hour' AND period_start > now() - interval '2 hours'"),
              rows * kTokens);
    EXPECT_EQ(admin.Lines("SELECT DISTINCT used_requests, used_tokens FROM subscriptions"),
              Lines{std::to_string(used_requests) + "\t" + std::to_string(used_requests * kTokens) +
                    "\t"});
  }

  support::TempDir folder_;
  int next_event_ = 0;
};

class LiteMaasReleaseTest : public LiteMaasTest,
                            public ::testing::WithParamInterface<LiteMaasRelease> {
 protected:
  // An installation with users, migrated by its owner, and five events of each key.
  Database InstallMigrated() {
    Database owner = Install("live", GetParam());
    Fill(owner, GetParam());
    MigrateAs(kOwner, "live");
    MustRun("live", {"summaries", "rebuild"}, kOwner);  // what LiteMaaS logged itself
    Import("live", Events(owner, 5));
    return owner;
  }
};

INSTANTIATE_TEST_SUITE_P(Each, LiteMaasReleaseTest, ::testing::ValuesIn(LiteMaasReleases()),
                         [](const auto& release) { return release.param.name; });

TEST_P(LiteMaasReleaseTest, IsMigratedAndItsEventsCount) {
  Database owner = InstallMigrated();
  ExpectUsable("live");
  ExpectCounted("live", 20, 5);
  // LiteMaaS starts again, and is upgraded.
  StartLiteMaas(owner, GetParam());
  StartLiteMaas(owner, LiteMaasReleases().back());
  ExpectUsable("live");
  EXPECT_TRUE(Holds(MigrateAs(kOwner, "live"), " 0 steps applied"));
  Import("live", Events(owner, 2));
  ExpectCounted("live", 28, 7);
  EXPECT_EQ(owner.Number("SELECT count(*) FROM usage_logs WHERE api_key_id IS NULL AND "
                         "litellm_request_id IS NOT NULL"),
            0);
}

// By hand, which LiteMaaS does for active subscriptions only, and by the end of a period.
TEST_P(LiteMaasReleaseTest, CountersAreReset) {
  Database owner = InstallMigrated();
  owner.Execute(
      "UPDATE subscriptions SET used_requests = 0, used_tokens = 0, reset_at = now() + interval '1 "
      "month' WHERE status = 'active'");
  Import("live", Events(owner, 3));
  ExpectCounted("live", 32, 3);
  owner.Execute("UPDATE subscriptions SET reset_at = now() - interval '1 hour'");
  Import("live", Events(owner, 2));
  ExpectCounted("live", 40, 2);
  EXPECT_EQ(owner.Number("SELECT count(*) FROM subscriptions WHERE reset_at <= now()"), 0);
}

// A dump of the whole database, restored into an empty one.
TEST_P(LiteMaasReleaseTest, ADumpIsRestored) {
  Database owner = InstallMigrated();
  const std::string events = Events(owner, 1);
  Import("live", events);
  const std::string dump = folder_.path() / "dump";
  const std::string bindir = support::PostgresBinaries().string();
  postgres_.Connect("postgres").Execute(std::string("CREATE DATABASE copy OWNER ") + kOwner);
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {bindir + "/pg_dump", "--format=custom", "--file=" + dump, postgres_.conninfo("live")},
           {bindir + "/pg_restore", "--exit-on-error", "--dbname=" + postgres_.conninfo("copy"),
            dump}}) {
    const support::CommandResult result =
        support::RunCommand({.command = command}, support::After(60s));
    ASSERT_EQ(result.exit_code, 0) << command[0] << result.output << result.errors;
  }
  EXPECT_TRUE(Holds(MigrateAs(kOwner, "copy"), " 0 steps applied"));
  ExpectUsable("copy");
  Import("copy", events);
  ExpectCounted("copy", 24, 6);
  Import("copy", Events(owner, 1));
  ExpectCounted("copy", 28, 7);
  MustRun("copy", {"summaries", "verify"}, kOwner);
}

// LiteMaaS' own backup has its tables and not usage_logs. In the new installation a superuser has
// run `migrate`, and LiteMaaS restores as its own role.
TEST_P(LiteMaasReleaseTest, LiteMaasRestoresItsBackupIntoANewInstallation) {
  Database owner = InstallMigrated();
  const LiteMaasBackup backup = BackUpLiteMaas(owner);
  Database fresh = Install("fresh", GetParam());
  MigrateAs("postgres", "fresh");
  RestoreLiteMaas(fresh, backup);
  ExpectUsable("fresh");
  Import("fresh", Events(owner, 2));
  ExpectCounted("fresh", 8, 7);
  EXPECT_EQ(fresh.Number("SELECT count(*) FROM usage_logs WHERE api_key_id IS NOT NULL"), 8);
}

// `migrate` came first, on an empty database; its note says what LiteMaaS needs.
TEST_P(LiteMaasReleaseTest, StartsAfterMigrate) {
  postgres_.Connect("postgres").Execute(std::string("CREATE DATABASE early OWNER ") + kOwner);
  EXPECT_TRUE(Holds(MigrateAs(kOwner, "early"), "SELECT usage_ingest.prepare_for_litemaas();"));
  Database owner = As(kOwner, "early");
  EXPECT_ANY_THROW(StartLiteMaas(owner, GetParam())) << "or the note is not needed";
  owner.Execute("SELECT usage_ingest.prepare_for_litemaas()");
  EXPECT_TRUE(Holds(MigrateAs(kOwner, "early"), "quotas: mode \"active-only\""));
  StartLiteMaas(owner, GetParam());
  Fill(owner, {});
  owner.Execute("UPDATE subscriptions SET quota_requests = 0, quota_tokens = 0");
  ExpectUsable("early");
  owner.Execute("INSERT INTO teams (name, lite_llm_team_id) VALUES ('research', 'early team')");
  Import("early", Events(owner, 5, R"(,"user_api_key_team_id":"early team")"));
  ExpectCounted("early", 20, 5);
  EXPECT_EQ(owner.Number("SELECT count(*) FROM usage_logs AS l JOIN teams AS t ON t.id = "
                         "l.team_id WHERE t.name = 'research'"),
            20);
  EXPECT_EQ(owner.Number("SELECT count(*) FROM subscriptions WHERE status <> 'active'"), 0);
  StartLiteMaas(owner, LiteMaasReleases().back());
  EXPECT_FALSE(Holds(MigrateAs(kOwner, "early"), "prepare_for_litemaas()"));
  Import("early", Events(owner, 1));
  ExpectCounted("early", 24, 6);
}

// An event names a team by its id in LiteLLM, which releases keep in another column than the schema
// document.
TEST_P(LiteMaasReleaseTest, FindsTheTeamOfAnEventByItsIdInLiteLlm) {
  Database owner = InstallMigrated();
  const std::string team = owner.Value(
      "INSERT INTO teams (name, lite_llm_team_id) VALUES ('research', 'team-of-litellm') "
      "RETURNING id");
  Import("live", Events(owner, 1, R"(,"user_api_key_team_id":"team-of-litellm")"));
  const std::string rows_of_team = "SELECT count(*) FROM usage_logs WHERE team_id = '" + team + "'";
  EXPECT_EQ(owner.Number(rows_of_team), 4);
  EXPECT_EQ(owner.Number("SELECT sum(requests) FROM usage_ingest.usage_daily WHERE team_alias = "
                         "'research'"),
            4);
  // The column of the document decides, where it has a value.
  owner.Execute("INSERT INTO teams (name, litellm_team_id) VALUES ('other', 'team-of-litellm')");
  Import("live", Events(owner, 1, R"(,"user_api_key_team_id":"team-of-litellm")"));
  EXPECT_EQ(owner.Number(rows_of_team), 4);

  Database listener(postgres_.conninfo("live"));
  listener.Execute("LISTEN usage_ingest_references");
  owner.Execute("UPDATE teams SET lite_llm_team_id = 'new' WHERE id = '" + team + "'");
  listener.Execute("SELECT 1");
  EXPECT_EQ(listener.Notifications().size(), 1U);
}

// Later steps make triggers and views that name these columns.
TEST_P(LiteMaasReleaseTest, CountersAreWidenedFirst) {
  Database owner = InstallMigrated();
  for (const probe::Finding& finding : Probe("live", kDaemon).findings) {
    EXPECT_FALSE(Holds(finding.what, "can be full")) << finding.ToLine();
  }
  owner.Execute("UPDATE subscriptions SET quota_tokens = 10000000000, used_tokens = 3000000000");
  Import("live", Events(owner, 1));
  EXPECT_EQ(owner.Number("SELECT min(used_tokens) FROM subscriptions"), 3'000'000'010);
  EXPECT_EQ(owner.Number("SELECT count(*) FROM usage_ingest.dead_letters"), 0);
}

// A large table is not rewritten, nor one of which a view of another program reads the column; the
// end of migrate says what a person can do.
TEST_F(LiteMaasTest, SumsThatMigrateMayNotWidenAreReported) {
  Database viewed = Install("viewed", LiteMaasReleases().back());
  viewed.Execute("CREATE VIEW report AS SELECT used_tokens FROM subscriptions");
  Database large = Install("large", LiteMaasReleases().back());
  Populate(large, 6000);
  for (const std::string name : {"viewed", "large"}) {
    const std::string output = MigrateAs(kOwner, name);
    EXPECT_TRUE(Holds(output,
                      "ALTER TABLE public.subscriptions ALTER COLUMN quota_tokens TYPE "
                      "bigint, ALTER COLUMN used_tokens TYPE bigint"))
        << output;
    EXPECT_EQ(
        postgres_.Connect(name).Value("SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = "
                                      "'subscriptions'::regclass AND attname = 'used_tokens'"),
        "integer");
    int fixes = 0;
    for (const probe::Finding& finding : Probe(name).findings) {
      if (!Holds(finding.where, "subscriptions.used_tokens")) continue;
      postgres_.Connect(name).Execute(finding.fix);
      ++fixes;
    }
    EXPECT_EQ(fixes, 1);
    ExpectUsable(name);
  }
}

}  // namespace
}  // namespace usage_ingest::postgres
