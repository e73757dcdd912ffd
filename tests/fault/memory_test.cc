// INV-6: whatever the load and however long PostgreSQL is away, memory stays under the budget.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kBudget = 128 * kMiB;  // the smallest that the configuration takes
constexpr std::int64_t kSlack = 64 * kMiB;

// How long PostgreSQL stays away once nothing moves any more; by hand also for minutes.
std::chrono::seconds Outage() {
  const char* seconds = std::getenv("USAGE_INGEST_OUTAGE_SECONDS");
  return seconds == nullptr ? 15s : std::chrono::seconds(std::atoi(seconds));
}

class MemoryTest : public FaultTest {
 protected:
  MemoryTest() : FaultTest({.partitions = 64}, {.events = 100'000}) {}

  [[nodiscard]] DaemonOptions Budgeted() const {
    DaemonOptions options = DaemonDefaults();
    options.settings["memory"]["budget"] = "\"128MiB\"";
    options.settings["batch"]["bytes_max"] = "\"4MiB\"";
    options.settings["events"]["record_bytes_max"] = "\"4MiB\"";
    // Shorter than the outage: a member that does not poll during it is removed from the group.
    options.kafka_properties["max.poll.interval.ms"] = "10000";
    return options;
  }
  // Highest RSS until the pipeline has been full for a while: paused, and nothing moves any more.
  void ExpectBoundedWhilePostgresIsAway() {
    std::int64_t highest = 0;
    const auto paused = [&] { return daemon_->Metric("usage_ingest_paused") > 0; };
    EXPECT_TRUE(WaitUntil(After(60s), [&] {
      highest = std::max(highest, daemon_->ResidentBytes());
      return paused();
    })) << daemon_->log();
    EXPECT_TRUE(HoldsFor(Outage(), [&] {
      highest = std::max(highest, daemon_->ResidentBytes());
      return highest < kBudget + kSlack;
    }));
    EXPECT_TRUE(paused());
    EXPECT_LT(highest, kBudget + kSlack);
    EXPECT_EQ(daemon_->log().find("MAXPOLL"), std::string::npos) << daemon_->log();
    RecordProperty("highest_rss_mib", static_cast<int>(highest / kMiB));
  }
};

TEST_F(MemoryTest, SixtyFourPartitionsWithPostgresAway) {
  load_.Publish(*producer_, Events() * 9 / 10);
  daemon_ = std::make_unique<DaemonProcess>(Budgeted());
  daemon_->Start();
  ASSERT_TRUE(WaitForRows(1'000)) << daemon_->log();
  postgres_.Stop(PostgresCluster::StopMode::kImmediate);
  ExpectBoundedWhilePostgresIsAway();
  postgres_.Start();
  ExpectRecovers();
}

TEST_F(MemoryTest, RecordsOfAMegabyteWithPostgresAway) {
  load_.Publish(*producer_, 2'000);
  daemon_ = std::make_unique<DaemonProcess>(Budgeted());
  daemon_->StartAndWait();
  ASSERT_TRUE(WaitForRows(100)) << daemon_->log();
  postgres_.Stop(PostgresCluster::StopMode::kImmediate);
  // Compresses to next to nothing: compressed bytes say nothing about memory.
  const std::string event =
      R"({"id":"big","status":"success","startTime":1795365287.5,"prompt_tokens":0,"x":")" +
      std::string(1'000'000, 'x') + R"(","metadata":{}})";
  constexpr int kRecords = 600;
  for (int i = 0; i < kRecords; ++i) {
    producer_->Produce({.topic = kTopic, .partition = i % partitions_, .value = event});
  }
  producer_->Flush();
  ExpectBoundedWhilePostgresIsAway();
  postgres_.Start();
  ExpectedTotals expected = load_.Expected(*producer_);
  expected.skipped = *expected.skipped + kRecords;  // no usage, unknown owner
  ExpectTotalsMatch(expected);
}

}  // namespace
}  // namespace usage_ingest::support
