// No session waits long for a lock of `migrate` (LiteMaaS) or of the session that makes a partition
// (LiteMaaS and the daemon).
//
// The server decides: with log_lock_waits it logs every wait that lasts longer than
// deadlock_timeout, which is set to the bound here. LiteMaaS' sessions also measure how long each
// of their statements took. That is printed but not checked: wall time on a busy machine would
// measure the machine. A deadlock would end a session of LiteMaaS, and the test with it.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <sstream>
#include <thread>

#include "tests/integration/postgres/daemon_like_writer.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// LiteMaaS as it works all day: sessions with this application_name.
constexpr const char* kLiteMaas = "litemaas-at-work";
// Between its statements: who never pauses measures how many can share two processors.
constexpr const char* kThink = "SELECT pg_sleep(0.002)";

class StallTest : public PostgresTest {
 protected:
  explicit StallTest(const std::string& bound)
      : PostgresTest({.fsync = false, .settings = {{"deadlock_timeout", bound}}}) {}

  Database ConnectAs(const std::string& application) {
    return Database(postgres_.conninfo("litemaas") + " application_name=" + application);
  }

  // Lines of the server's log in which a session that is not ours waited longer than the bound: one
  // of LiteMaaS for anything, a lane for a table. (Lanes wait for each other's rows, as they do.)
  std::string LongWaits() {
    std::string waits;
    std::istringstream log(postgres_.log());
    for (std::string line; std::getline(log, line);) {
      if (!Holds(line, "still waiting") || Holds(line, " usage-ingestd/")) continue;
      if (Holds(line, kLiteMaas) || Holds(line, " on relation ")) waits += line + "\n";
    }
    return waits;
  }

  // One statement of LiteMaaS, measured.
  void Measure(Database& database, const std::string& sql) {
    const auto started = Clock::now();
    database.Execute(sql);
    const std::int64_t took_us = (Clock::now() - started) / 1us;
    ++statements_;
    std::int64_t longest = longest_us_;
    while (took_us > longest && !longest_us_.compare_exchange_weak(longest, took_us)) {
    }
  }

  // Until `done`: quota resets, new keys, logins, teams, models and reads, one after the other.
  void WorkAsLiteMaas(const std::atomic<bool>& done) {
    Database database = ConnectAs(kLiteMaas);
    for (int i = 0; !done; ++i) {
      const std::string n = std::to_string(i);
      const std::vector<std::string> work = {
          "UPDATE subscriptions SET updated_at = now() WHERE id = (SELECT id FROM subscriptions "
          "WHERE "
          "user_id = $user LIMIT 1)",
          "INSERT INTO api_keys (user_id, key_hash, key_prefix) VALUES ($user, 'new" + n +
              "', 'sk')",
          "UPDATE users SET updated_at = now() WHERE id = $user",
          "INSERT INTO teams (name) VALUES ('team" + n + "')",
          "UPDATE models SET updated_at = now() WHERE id = 'model-a'",
          "INSERT INTO team_members (team_id, user_id, role) SELECT id, $user, 'member' FROM teams "
          "WHERE name = 'team" +
              n + "'",
          "SELECT count(*) FROM users"};
      for (const std::string& sql : work) {
        Measure(database, Of("user1", sql));
        database.Execute(kThink);
      }
    }
  }

  // "$user" stands for one of them; each session works on one of its own.
  static std::string Of(const std::string& user, std::string sql) {
    const std::string name = "$user";
    const std::size_t at = sql.find(name);
    if (at == std::string::npos) return sql;
    return sql.replace(at, name.size(), "(SELECT id FROM users WHERE username = '" + user + "')");
  }

  void LogUsage(const std::atomic<bool>& done) {
    Database writer = ConnectAs(kLiteMaas);
    while (!done) {
      Measure(writer,
              Of("user2",
                 "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, "
                 "response_tokens) SELECT id, model_id, 1, 1 FROM subscriptions WHERE user_id = "
                 "$user LIMIT 1"));
      writer.Execute(kThink);
    }
  }

  void PrintFigures(const std::string& what) {
    const std::string figures =
        fmt::format("{} statements of LiteMaaS beside it, the longest {:.1f} ms",
                    statements_.load(), static_cast<double>(longest_us_) / 1000);
    std::cout << what << ": " << figures << std::endl;
    RecordProperty("figures", figures);
  }

  std::atomic<int> statements_ = 0;
  std::atomic<std::int64_t> longest_us_ = 0;
};

class MigrateStallTest : public StallTest {
 protected:
  MigrateStallTest() : StallTest("100ms") {}
};

// Without this the other tests could not fail.
TEST_F(MigrateStallTest, TheServerTellsOfAWaitThatIsTooLong) {
  Database holder = CreateMigrated("litemaas");
  Populate(holder, 1);
  EXPECT_EQ(LongWaits(), "");
  holder.Execute("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  std::jthread litemaas([&] { ConnectAs(kLiteMaas).Execute("SELECT count(*) FROM users"); });
  EXPECT_TRUE(support::WaitUntil(
      support::After(20s), [&] { return Holds(LongWaits(), "AccessShareLock on relation"); }));
  holder.Execute("ROLLBACK");
}

TEST_F(MigrateStallTest, MigratingAFilledDatabaseBlocksNoSessionFor100Milliseconds) {
  Database database = CreateFilledWithPlainUsage("litemaas");
  Populate(database, 50'000);  // 100,000 subscriptions and as many keys
  database.Execute(
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
      "latency_ms, created_at) SELECT id, model_id, 10, 5, 100, now() - random() * interval '60 "
      "days' FROM subscriptions; ANALYZE");
  std::atomic<bool> done = false;
  std::string output;
  const auto started = Clock::now();
  {
    std::jthread litemaas([&] { WorkAsLiteMaas(done); });
    std::jthread logger([&] { LogUsage(done); });
    output = MustMigrate("litemaas");
    done = true;
  }
  PrintFigures(fmt::format("migrate of 100,000 subscriptions, keys and logs in {:.1f} s",
                           std::chrono::duration<double>(Clock::now() - started).count()));
  EXPECT_EQ(LongWaits(), "");
  EXPECT_GT(statements_, 20) << output;
  EXPECT_EQ(database.Number("SELECT count(*) FROM subscriptions"), 100'000);
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_ingest.key_history WHERE kind = "
                            "'value_sha256'"),
            100'000);
  EXPECT_EQ(database.Number("SELECT count(*) FROM api_keys k WHERE NOT EXISTS (SELECT FROM "
                            "usage_ingest.key_history h WHERE h.api_key_id = k.id)"),
            0);
  EXPECT_TRUE(Probe("litemaas").ok());
}

// A step that locks several tables waits for one after the other: together no longer than for one.
TEST_F(MigrateStallTest, SeveralLocksShareOneTimeout) {
  Database observer = CreateMigrated("litemaas");
  Database users = ConnectAs("users");
  Database models = ConnectAs("models");
  users.Execute("BEGIN; LOCK TABLE users IN ROW EXCLUSIVE MODE");
  models.Execute("BEGIN; LOCK TABLE models IN ROW EXCLUSIVE MODE");
  std::string state;
  const auto started = Clock::now();
  std::jthread migrate([&] {
    Database session = ConnectAs("a-migrate");
    state = SqlstateOf(session,
                       "BEGIN; SET LOCAL lock_timeout = '2s'; SELECT usage_ingest.lock_tables("
                       "'SHARE ROW EXCLUSIVE', ARRAY['public.users', 'public.models'])");
  });
  EXPECT_TRUE(support::WaitUntil(support::After(10s), [&] {
    return observer.Number(
               "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass "
               "AND waitstart < now() - interval '1 second'") == 1;
  }));
  users.Execute("ROLLBACK");
  migrate.join();
  EXPECT_EQ(state, "55P03");
  EXPECT_LT(Clock::now() - started, 2900ms);  // 3 s and more, were they to add up
}

TEST_F(MigrateStallTest, LocksAreNotWaitedForBeyondTheDeadline) {
  Database holder = CreateMigrated("litemaas");
  holder.Execute("BEGIN; LOCK TABLE users IN ROW EXCLUSIVE MODE");
  Database session = ConnectAs("a-migrate");
  session.Execute("SET lock_timeout = '10min'");
  EXPECT_EQ(SqlstateOf(session,
                       "SELECT usage_ingest.lock_tables('ACCESS EXCLUSIVE', ARRAY['public.users'], "
                       "now() - interval '1 hour')"),
            "55P03");
  // A table that does not exist has no lock, and the caller's time-out is what it was.
  session.Execute(
      "SELECT usage_ingest.lock_tables('SHARE', ARRAY['public.none', 'public.models'])");
  EXPECT_EQ(session.Value("SHOW lock_timeout"), "10min");
}

class PartitionStallTest : public StallTest {
 protected:
  PartitionStallTest() : StallTest("250ms") {}

  void SetUp() override {
    database_ = std::make_unique<Database>(CreateMigrated("litemaas"));
    Populate(*database_, 100);
    database_->Execute("SELECT usage_ingest.ensure_partition((now() - interval '4 days')::date)");
  }

  // A lane of the daemon, until `done`, one batch after the other.
  void Ingest(bool fast, const std::atomic<bool>& done) {
    DaemonLikeWriter writer(ConnectAs("a-lane"), fast, fast ? 1 : 100'000);
    writer.WaitForLocks("10s");  // the log is to say how long
    while (!done) batches_ += writer.WriteBatch(300) ? 1 : 0;
  }

  std::unique_ptr<Database> database_;
  std::atomic<int> batches_ = 0;
};

TEST_F(PartitionStallTest, MakingPartitionsUnderIngestBlocksNoSessionFor250Milliseconds) {
  std::atomic<bool> done = false;
  {
    std::vector<std::jthread> others;
    others.emplace_back([&] { WorkAsLiteMaas(done); });
    for (const bool fast : {true, false}) others.emplace_back([&, fast] { Ingest(fast, done); });
    ASSERT_TRUE(support::WaitUntil(support::After(30s), [&] { return batches_ >= 2; }));
    blocking::SyncConnection connection = Open("litemaas");
    const auto months = admin::EnsurePartitions(connection, {.plan = {.months_ahead = 27}});
    EXPECT_TRUE(months) << months.error().context;
    done = true;
  }
  PrintFigures(fmt::format("24 partitions beside {} batches of 300 rows", batches_.load()));
  EXPECT_EQ(LongWaits(), "");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.partitions_of_usage_logs() WHERE "
                              "to_time > now()"),
            28);
  blocking::SyncConnection connection = Open("litemaas");
  const auto verified = admin::VerifySummaries(connection, {});
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->rows_different, 0);
}

// Retention takes ACCESS EXCLUSIVE on the three parents for its foreign keys, in short attempts.
TEST_F(PartitionStallTest, RetainingUnderIngestBlocksNoSessionFor250Milliseconds) {
  database_->Execute(
      "SELECT usage_ingest.ensure_partition((date_trunc('month', now()) - m * interval "
      "'1 month')::date) FROM generate_series(13, 16) AS m");
  std::atomic<bool> done = false;
  {
    std::vector<std::jthread> others;
    others.emplace_back([&] { WorkAsLiteMaas(done); });
    others.emplace_back([&] { Ingest(/*fast=*/true, done); });
    ASSERT_TRUE(support::WaitUntil(support::After(30s), [&] { return batches_ >= 2; }));
    blocking::SyncConnection connection = Open("litemaas");
    const auto retained =
        admin::RetainPartitions(connection, {.plan = {.retention_months = 12}}, {});
    EXPECT_TRUE(retained) << retained.error().context;
    EXPECT_GE(retained ? retained->size() : 0U, 4U);
    done = true;
  }
  PrintFigures(fmt::format("4 partitions dropped beside {} batches", batches_.load()));
  EXPECT_EQ(LongWaits(), "");
}

}  // namespace
}  // namespace usage_ingest::postgres
