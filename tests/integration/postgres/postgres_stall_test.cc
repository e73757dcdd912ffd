// Nobody waits long for a lock of ours: LiteMaaS while `migrate` runs, LiteMaaS and the daemon
// while a partition is made.
//
// The server is the judge: with log_lock_waits it logs every wait that lasts longer than
// deadlock_timeout, which is set to the bound here. Wall time on a busy machine would judge the
// machine. A deadlock would end a session of LiteMaaS, and the test with it.
#include <atomic>
#include <sstream>
#include <thread>

#include "tests/integration/postgres/daemon_like_writer.h"

namespace usage_ingest::ingest {
namespace {

// LiteMaaS as it works all day: sessions with this application_name.
constexpr const char* kLiteMaas = "litemaas-at-work";

class StallTest : public PostgresTest {
 protected:
  explicit StallTest(const std::string& bound)
      : PostgresTest({.fsync = false, .settings = {{"deadlock_timeout", bound}}}) {}

  Database ConnectAs(const std::string& application) {
    return Database(postgres_.conninfo("litemaas") + " application_name=" + application);
  }

  // Lines of the server's log in which a session that is not ours waited longer than the bound.
  std::string LongWaits() {
    std::string waits;
    std::istringstream log(postgres_.log());
    for (std::string line; std::getline(log, line);) {
      if (Holds(line, "still waiting") && !Holds(line, " usage-ingestd/")) waits += line + "\n";
    }
    return waits;
  }

  // Until `done`: quota resets, new keys, logins and reads, one after the other.
  void WorkAsLiteMaas(const std::atomic<bool>& done) {
    Database database = ConnectAs(kLiteMaas);
    for (int i = 0; !done; ++i) {
      const std::string n = std::to_string(i);
      database.Execute(
          "UPDATE subscriptions SET updated_at = now() WHERE id = (SELECT id FROM "
          "subscriptions OFFSET " +
          n + " % 50 LIMIT 1)");
      database.Execute("INSERT INTO api_keys (user_id, key_hash, key_prefix) SELECT id, 'new" + n +
                       "', 'sk' FROM users LIMIT 1");
      database.Execute(
          "UPDATE users SET updated_at = now() WHERE id = (SELECT id FROM users LIMIT "
          "1)");
      database.Execute("SELECT count(*) FROM subscriptions WHERE status = 'suspended'");
      ++statements_;
    }
  }

  std::atomic<int> statements_ = 0;
};

class MigrateStallTest : public StallTest {
 protected:
  MigrateStallTest() : StallTest("100ms") {}
};

TEST_F(MigrateStallTest, MigratingAFilledDatabaseBlocksNobodyFor100Milliseconds) {
  Database database = CreateFilledWithPlainUsage("litemaas");
  Populate(database, 50'000);  // 100,000 subscriptions and as many keys
  database.Execute(
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
      "latency_ms, created_at) SELECT id, model_id, 10, 5, 100, now() - random() * interval '60 "
      "days' FROM subscriptions; ANALYZE");
  std::atomic<bool> done = false;
  std::string output;
  {
    std::jthread litemaas([&] { WorkAsLiteMaas(done); });
    std::jthread logger([&] {
      Database writer = ConnectAs(kLiteMaas);
      while (!done) {
        writer.Execute(
            "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, "
            "response_tokens) SELECT id, model_id, 1, 1 FROM subscriptions LIMIT 1");
      }
    });
    output = MustMigrate("litemaas");
    done = true;
  }
  EXPECT_EQ(LongWaits(), "");
  EXPECT_GT(statements_, 20) << output;
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_ingest.key_history WHERE kind = "
                            "'value_sha256'"),
            100'000);
  EXPECT_EQ(database.Number("SELECT count(*) FROM api_keys k WHERE NOT EXISTS (SELECT FROM "
                            "usage_ingest.key_history h WHERE h.api_key_id = k.id)"),
            0);
  EXPECT_TRUE(Probe("litemaas").ok());
}

class PartitionStallTest : public StallTest {
 protected:
  PartitionStallTest() : StallTest("250ms") {}
};

TEST_F(PartitionStallTest, MakingPartitionsUnderIngestBlocksNobodyFor250Milliseconds) {
  Database database = CreateMigrated("litemaas");
  Populate(database, 100);
  database.Execute("SELECT usage_ingest.ensure_partition((now() - interval '4 days')::date)");
  std::atomic<bool> done = false;
  std::atomic<int> batches = 0;
  {
    std::vector<std::jthread> others;
    others.emplace_back([&] { WorkAsLiteMaas(done); });
    for (const bool fast : {true, false}) {
      others.emplace_back([&, fast] {
        DaemonLikeWriter writer(ConnectAs("a-lane"), fast, fast ? 1 : 100'000);
        while (!done) batches += writer.WriteBatch(300) ? 1 : 0;
      });
    }
    SyncConnection connection = Open("litemaas");
    const auto months = EnsurePartitions(connection, {.months_ahead = 15});
    EXPECT_TRUE(months) << months.error().context;
    done = true;
  }
  EXPECT_EQ(LongWaits(), "");
  EXPECT_GT(batches, 0);
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_ingest.partitions_of_usage_logs() WHERE "
                            "to_time > now()"),
            16);
  SyncConnection connection = Open("litemaas");
  const auto verified = VerifySummaries(connection, {});
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->rows_different, 0);
}

// Retention takes ACCESS EXCLUSIVE on the three parents for its foreign keys, in short attempts.
TEST_F(PartitionStallTest, RetainingUnderIngestBlocksNobodyFor250Milliseconds) {
  Database database = CreateMigrated("litemaas");
  Populate(database, 100);
  database.Execute(
      "SELECT usage_ingest.ensure_partition((now() - interval '4 days')::date);"
      "SELECT usage_ingest.ensure_partition((date_trunc('month', now()) - m * interval "
      "'1 month')::date) FROM generate_series(13, 16) AS m");
  std::atomic<bool> done = false;
  std::atomic<int> batches = 0;
  {
    std::vector<std::jthread> others;
    others.emplace_back([&] { WorkAsLiteMaas(done); });
    others.emplace_back([&] {
      DaemonLikeWriter writer(ConnectAs("a-lane"), /*fast_path=*/true, 1);
      while (!done) batches += writer.WriteBatch(300) ? 1 : 0;
    });
    SyncConnection connection = Open("litemaas");
    const auto retained = RetainPartitions(connection, {.retention_months = 12}, {});
    EXPECT_TRUE(retained) << retained.error().context;
    EXPECT_GE(retained ? retained->size() : 0U, 4U);
    done = true;
  }
  EXPECT_EQ(LongWaits(), "");
  EXPECT_GT(batches, 0);
}

}  // namespace
}  // namespace usage_ingest::ingest
