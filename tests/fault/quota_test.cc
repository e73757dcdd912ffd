// Each suspension gets exactly one audit row and one notification, whatever breaks. And statements
// of LiteMaaS on its own tables never fail because of the daemon.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

constexpr char kSuspended[] = "SELECT id FROM subscriptions WHERE status = 'suspended'";
constexpr char kAudited[] =
    "SELECT resource_id FROM audit_logs WHERE action = 'subscription.suspended'";

class QuotaTest : public GateTest {
 protected:
  QuotaTest() : GateTest({}, {.events = 10'000}) {}

  // Every subscription that is used more than a little will be suspended, and none is yet.
  void SetUp() override {
    GateTest::SetUp();
    database_.Execute("UPDATE subscriptions SET quota_requests = 50, status = 'active'");
    oracle_.reset();  // the quotas are no longer those that it copied
    listener_.Execute("LISTEN usage_ingest_suspended");
  }
  void ExpectEachSuspensionOnce() {
    totals_->ExpectMatch(database_, kafka_.admin(), load_.Expected(*producer_));
    const std::vector<std::string> suspended = database_.Lines(kSuspended);
    EXPECT_GT(suspended.size(), 20U);
    EXPECT_EQ(suspended,
              database_.Lines("SELECT id FROM subscriptions WHERE used_requests > quota_requests"));
    EXPECT_EQ(database_.Lines(kAudited), suspended);
    listener_.Execute("SELECT 1");  // what was announced has arrived when this is answered
    std::vector<std::string> announced;
    for (const auto& [channel, payload] : listener_.Notifications()) {
      announced.push_back(payload + "\t");
    }
    std::ranges::sort(announced);
    EXPECT_EQ(announced, suspended);
  }

  Database listener_{postgres_.conninfo(kDatabase)};
};

TEST_F(QuotaTest, EachSuspensionIsAuditedAndAnnouncedOnceAcrossCrashes) {
  DaemonOptions options = SmallBatches();
  options.kafka_properties["session.timeout.ms"] = "1500";  // a killed member is missed soon
  options.kafka_properties["heartbeat.interval.ms"] = "300";
  daemon_ = std::make_unique<DaemonProcess>(options);
  for (std::int64_t round = 0; round < 8; ++round) {
    load_.Publish(*producer_, Events() / 10);
    const std::int64_t before = RowCount();
    daemon_->Start();
    ASSERT_TRUE(WaitForRows(before + 500 + 50 * round)) << daemon_->log();
    daemon_->Kill();
  }
  daemon_->Start();
  load_.PublishAll(*producer_);
  ExpectEachSuspensionOnce();
}

// The reply to COMMIT says whether a suspension happened; without it the metric must be right too.
TEST_F(QuotaTest, EachSuspensionIsCountedOnceWhenRepliesAreLost) {
  daemon_ = std::make_unique<DaemonProcess>(ThroughTheGate());
  daemon_->StartAndWait();
  const std::string reply("COMMIT\0", 7);  // CommandComplete's tag (PostgreSQL 15 manual, 55.7)
  for (std::size_t fault = 1; fault <= 10; ++fault) {
    gate_.LoseReply(reply);
    load_.Publish(*producer_, Events() / 20);
    ASSERT_TRUE(WaitUntil(After(30s), [&] { return gate_.faults_done() == fault; }))
        << daemon_->log();
  }
  load_.PublishAll(*producer_);
  ExpectEachSuspensionOnce();
  EXPECT_EQ(daemon_->Metric("usage_ingest_subscriptions_suspended_total"),
            static_cast<double>(database_.Lines(kSuspended).size()));
}

class LiteMaasAtWorkTest : public FaultTest {
 protected:
  LiteMaasAtWorkTest() : FaultTest({.partitions = 8}, {.events = 20'000}) {}

  // Most used first: those that the daemon is busy with.
  [[nodiscard]] std::vector<std::string> MostUsed(const std::string& column, int count) {
    const std::string sql = fmt::format(
        "SELECT {0} FROM usage_logs l JOIN subscriptions s ON s.id = l.subscription_id "
        "WHERE {0} IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT {1}",
        column, count);
    std::vector<std::string> ids;
    for (const Row& row : database_.Query(sql)) {
      ids.push_back(*row[0]);
    }
    return ids;
  }
  // Everything that is left agrees with itself, and every event is accounted for.
  void ExpectNothingWrongIsLeft() {
    load_.PublishAll(*producer_);
    const ExpectedTotals expected = load_.Expected(*producer_);
    ASSERT_TRUE(WaitUntil(After(120s), [&] {
      return Totals::CaughtUp(database_, expected, kafka_.admin());
    })) << daemon_->log();
    Totals::ExpectOffsetsAccountFor(database_, {.records = expected.records});
    Totals::ExpectSummariesExact(database_);
    EXPECT_EQ(database_.Number(
                  "SELECT count(*) FROM subscriptions s WHERE coalesce(s.used_requests, 0) <> "
                  "(SELECT count(*) FROM usage_logs l WHERE l.subscription_id = s.id)"),
              0);
    EXPECT_EQ(database_.Number(
                  "SELECT count(*) FROM usage_logs l WHERE NOT EXISTS (SELECT FROM subscriptions s "
                  "WHERE s.id = l.subscription_id) OR (l.api_key_id IS NOT NULL AND NOT EXISTS "
                  "(SELECT FROM api_keys k WHERE k.id = l.api_key_id))"),
              0);
    EXPECT_EQ(postgres_.log().find("deadlock detected"), std::string::npos);
    EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  }
};

// Execute throws when a statement of LiteMaaS' fails.
TEST_F(LiteMaasAtWorkTest, KeysAreDeletedAtFullSpeed) {
  StartInTheMiddle();
  Database litemaas = ConnectAsOwner();
  const std::vector<std::string> keys = MostUsed("l.api_key_id", 20);
  ASSERT_EQ(keys.size(), 20U);
  for (const std::string& key : keys) {
    load_.Publish(*producer_, 100);
    litemaas.Execute("DELETE FROM api_keys WHERE id = $1", {key});
  }
  ExpectNothingWrongIsLeft();
}

TEST_F(LiteMaasAtWorkTest, UsersAreDeletedAtFullSpeed) {
  StartInTheMiddle();
  Database litemaas = ConnectAsOwner();
  const std::vector<std::string> users = MostUsed("s.user_id", 10);
  ASSERT_EQ(users.size(), 10U);
  for (const std::string& user : users) {
    load_.Publish(*producer_, 200);
    litemaas.Execute("DELETE FROM users WHERE id = $1", {user});
  }
  ExpectNothingWrongIsLeft();
}

}  // namespace
}  // namespace usage_ingest::support
