// INV-6: whatever the load and however long PostgreSQL is away, memory stays under the budget.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <vector>

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

// Events whose owner is unknown are dead letters with their payloads, which cost memory when they
// are decided, when they are sent to PostgreSQL, and when they are retried.
struct Flood {
  int events;
  std::size_t event_bytes;
};

class DeadLetterFloodTest : public FaultTest, public ::testing::WithParamInterface<Flood> {
 protected:
  static constexpr std::int64_t kFloodBudget = 512 * kMiB;  // the default

  DeadLetterFloodTest() : FaultTest({.partitions = 8}, {.events = 1'000}) {}

  void PublishFlood() {
    const std::string time = database_.Value("SELECT extract(epoch FROM now())");
    const std::string filler(GetParam().event_bytes, 'x');
    const std::string rest = fmt::format(
        R"(","status":"success","model_group":"gpt","prompt_tokens":3,"startTime":{},"x":"{}","metadata":{{}}}})",
        time, filler);
    for (int i = 0; i < GetParam().events; ++i) {
      producer_->Produce({.topic = kTopic,
                          .partition = i % partitions_,
                          .value = fmt::format(R"({{"id":"flood-{}{})", i, rest)});
    }
    producer_->Flush();
  }
  [[nodiscard]] std::int64_t Letters(const std::string& condition) {
    return database_.Number("SELECT count(*) FROM usage_ingest.dead_letters WHERE " + condition);
  }
  void ExpectBounded(const std::string& what) {
    const std::int64_t peak = daemon_->PeakResidentBytes();
    EXPECT_LT(peak, kFloodBudget + kSlack) << what << ": " << peak / kMiB << " MiB";
    RecordProperty(what + "_mib", static_cast<int>(peak / kMiB));
    std::cout << what << ": " << peak / kMiB << " MiB\n";
  }
  void ExpectRetriesBounded(const std::string& what, const std::vector<std::string>& command) {
    const std::int64_t retried = std::min(GetParam().events, 10'000);
    database_.Execute("UPDATE usage_ingest.dead_letters SET attempts = 0, last_attempt_at = NULL");
    daemon_ = std::make_unique<DaemonProcess>(DaemonDefaults());
    daemon_->Start(command);
    EXPECT_TRUE(WaitUntil(After(120s), [&] { return Letters("attempts > 0") >= retried; }))
        << daemon_->log();
    ExpectBounded(what);
    daemon_->Kill();
  }
};

TEST_P(DeadLetterFloodTest, StaysBelowTheBudgetAndSoDoRetries) {
  PublishFlood();
  DaemonOptions options = DaemonDefaults();
  options.settings["memory"]["budget"] = "\"512MiB\"";
  daemon_ = std::make_unique<DaemonProcess>(options);
  daemon_->Start();
  EXPECT_TRUE(WaitUntil(After(180s), [&] { return Letters("true") == GetParam().events; }))
      << daemon_->log();
  ExpectBounded("flood");
  daemon_->Kill();
  ExpectRetriesBounded("retry_at_start", {"run"});
}

INSTANTIATE_TEST_SUITE_P(All, DeadLetterFloodTest,
                         ::testing::Values(Flood{.events = 40'000, .event_bytes = 10'000},
                                           Flood{.events = 100'000, .event_bytes = 2'000},
                                           Flood{.events = 600, .event_bytes = 1'000'000}),
                         [](const auto& flood) {
                           return std::to_string(flood.param.events) + "EventsOf" +
                                  std::to_string(flood.param.event_bytes) + "Bytes";
                         });

}  // namespace
}  // namespace usage_ingest::support
