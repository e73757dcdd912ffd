// A row that the database refuses is taken out and its neighbours live: a constraint or a trigger.
#include <gtest/gtest.h>

#include <ctime>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

constexpr int kRefusedTokens = 777'777;  // no event of the load has as many
constexpr int kRefusedRows = 3;

class RefusedRowTest : public FaultTest {
 protected:
  RefusedRowTest()
      : FaultTest({.partitions = 1}, {.events = 3'000, .duplicate_share = 0, .odd_share = 0}) {}

  // Good in every respect that we know of, and the most used subscription's.
  void PublishRefused() {
    const load::Population& all = load_.population();
    const load::Subscription& subscription = all.subscriptions[0];
    const load::Key& key = all.keys[all.users[subscription.user].first_key];
    const std::string start = std::to_string(std::time(nullptr) - 3'600);
    for (int i = 0; i < kRefusedRows; ++i) {
      const std::string event = R"({"id":"refused-)" + std::to_string(i) +
                                R"(","status":"success","startTime":)" + start + R"(,"endTime":)" +
                                start + R"(,"prompt_tokens":)" + std::to_string(kRefusedTokens) +
                                R"(,"completion_tokens":1,"model_group":")" +
                                all.models[subscription.model].id +
                                R"(","metadata":{"user_api_key_hash":")" + key.hash + R"("}})";
      producer_->Produce({.topic = kTopic, .partition = 0, .key = key.hash, .value = event});
      load_.Publish(*producer_, 200);
    }
  }
  void StartAndIngest() {
    daemon_ = std::make_unique<DaemonProcess>(DaemonDefaults());
    daemon_->StartAndWait();
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
    })) << daemon_->log();
  }
  [[nodiscard]] std::int64_t Refused() {
    return database_.Number(
        "SELECT count(*) FROM usage_ingest.dead_letters WHERE reason = 'rejected_by_database' "
        "AND position('refused-' in convert_from(payload, 'UTF8')) > 0");
  }
};

TEST_F(RefusedRowTest, IsFoundByTheLineThatCopyReports) {
  database_.Execute("ALTER TABLE usage_logs ADD CONSTRAINT seven_times CHECK (request_tokens <> " +
                    std::to_string(kRefusedTokens) + ")");
  load_.Publish(*producer_, 500);
  PublishRefused();
  load_.PublishAll(*producer_);
  StartAndIngest();
  EXPECT_EQ(Refused(), kRefusedRows);
  ExpectTotalsMatch({.records = producer_->delivered(),
                     .inserted = static_cast<std::int64_t>(Events()),
                     .dead_lettered = kRefusedRows});
}

// The staged insert names no line.
TEST_F(RefusedRowTest, IsFoundByBisectionAmongDuplicates) {
  load_.Publish(*producer_, 500);
  StartAndIngest();
  ASSERT_EQ(daemon_->Terminate(), 0) << daemon_->log();  // and with it what it remembers
  database_.Execute("ALTER TABLE usage_logs ADD CONSTRAINT seven_times CHECK (request_tokens <> " +
                    std::to_string(kRefusedTokens) + ")");
  load_.Repeat(*producer_, 0, 250);
  PublishRefused();
  load_.Repeat(*producer_, 250, 500);
  load_.PublishAll(*producer_);
  StartAndIngest();
  EXPECT_EQ(Refused(), kRefusedRows);
  ExpectTotalsMatch({.records = producer_->delivered(),
                     .inserted = static_cast<std::int64_t>(Events()),
                     .duplicates = 500,
                     .dead_lettered = kRefusedRows});
}

TEST_F(RefusedRowTest, ATriggerThatRefusesARowDelaysNoOtherRow) {
  database_.Execute(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "IF NEW.request_tokens = " +
      std::to_string(kRefusedTokens) +
      " THEN RAISE EXCEPTION 'no' USING ERRCODE = '22023'; END IF; RETURN NEW; END $$; "
      "CREATE TRIGGER refuse BEFORE INSERT ON usage_logs FOR EACH ROW EXECUTE FUNCTION refuse()");
  load_.Publish(*producer_, 500);
  PublishRefused();
  load_.PublishAll(*producer_);
  StartAndIngest();
  EXPECT_EQ(Refused(), kRefusedRows);
  ExpectTotalsMatch({.records = producer_->delivered(),
                     .inserted = static_cast<std::int64_t>(Events()),
                     .dead_lettered = kRefusedRows});
}

// 3,000 rows of 8 ms are twice the longest statement: one batch of them would never commit.
TEST_F(RefusedRowTest, ASlowTriggerMakesBatchesSmallerAndEachRowIsWritten) {
  database_.Execute(
      "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
      "PERFORM pg_sleep(0.008); RETURN NEW; END $$; "
      "CREATE TRIGGER dawdle BEFORE INSERT ON usage_logs FOR EACH ROW EXECUTE FUNCTION dawdle()");
  load_.PublishAll(*producer_);
  daemon_ = std::make_unique<DaemonProcess>(DaemonDefaults());
  daemon_->StartAndWait();
  ASSERT_TRUE(WaitUntil(After(150s), [&] {
    return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
  })) << daemon_->log();
  EXPECT_NE(daemon_->log().find("57014"), std::string::npos) << "no statement was too long";
  ExpectTotalsMatch({.records = producer_->delivered(),
                     .inserted = static_cast<std::int64_t>(Events()),
                     .dead_lettered = 0});
}

}  // namespace
}  // namespace usage_ingest::support
