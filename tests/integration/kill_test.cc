// SIGKILL at any moment loses nothing and counts nothing twice (failure table, first row).
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <random>

#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

// From the environment, so that a long run is the same test: USAGE_INGEST_KILLS=200.
std::uint64_t Setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class KillTest : public PipelineTest {
 protected:
  // A server that is never killed itself may leave fsync off; the daemon's death does not care.
  KillTest() : PipelineTest({.partitions = 8}) {}

  // The next one may join two seconds after a kill, not six.
  [[nodiscard]] DaemonOptions QuicklyMissed() const {
    DaemonOptions options = SmallBatches();
    options.kafka_properties["session.timeout.ms"] = "2000";
    options.kafka_properties["heartbeat.interval.ms"] = "500";
    return options;
  }
  // Publishes a part of the load and kills the daemon in it, `kills` times; then all must balance.
  // `before` comes before each part, with its number.
  void KillRepeatedly(GeneratedLoad& load, std::uint64_t kills, std::uint64_t seed,
                      const std::function<void(std::uint64_t)>& before) {
    Install(load);
    Producer producer(kafka_.brokers());
    DaemonProcess daemon(QuicklyMissed());
    std::mt19937_64 random(seed);
    for (std::uint64_t kill = 0; kill < kills; ++kill) {
      before(kill);
      load.Publish(producer, kEventsPerKill);
      const std::int64_t rows = RowCount() + static_cast<std::int64_t>(random() % 800);
      daemon.Start();
      ASSERT_TRUE(WaitForRows(rows)) << daemon.log();
      daemon.Kill();
    }
    daemon.StartAndWait();
    ExpectTotalsMatch(load.Expected(producer));
    EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
  }

  static constexpr std::uint64_t kEventsPerKill = 1'000;
};

// INV-1 … INV-4: kills spread over the whole stream, at rows drawn by a seed that is printed.
TEST_F(KillTest, TotalsMatchAfterKillsAtRandomMoments) {
  const std::uint64_t kills = Setting("USAGE_INGEST_KILLS", 20);
  const std::uint64_t seed = Setting("USAGE_INGEST_SEED", std::random_device{}());
  SCOPED_TRACE("USAGE_INGEST_SEED=" + std::to_string(seed));
  GeneratedLoad load({.seed = seed, .events = kills * kEventsPerKill}, kTopic);
  KillRepeatedly(load, kills, seed, [](std::uint64_t) {});
}

// The unit of the partitions changes between the kills, as by a migrate beside the daemon, and
// events are of many days that have no partition yet.
TEST_F(KillTest, TotalsMatchWhileTheUnitOfPartitionsChanges) {
  constexpr std::uint64_t kKills = 5;
  const std::uint64_t seed = Setting("USAGE_INGEST_SEED", std::random_device{}());
  SCOPED_TRACE("USAGE_INGEST_SEED=" + std::to_string(seed));
  GeneratedLoad load(
      {.seed = seed, .events = kKills * kEventsPerKill, .days_ago = 400, .span_days = 300}, kTopic);
  KillRepeatedly(load, kKills, seed, [&](std::uint64_t kill) {
    database_.Execute(std::string("UPDATE usage_ingest.partitioning SET unit = '") +
                      (kill % 2 == 0 ? "day'" : "month'"));
  });
}

// The same id that comes again after a restart meets no memory of the process, only the database.
TEST_F(KillTest, DuplicatesAcrossARestartAreCountedOnce) {
  GeneratedLoad load({.events = 3'000, .duplicate_share = 0, .odd_share = 0}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  load.PublishAll(producer);
  DaemonProcess daemon(SmallBatches());
  daemon.Start();
  ASSERT_TRUE(WaitForRows(3'000)) << daemon.log();
  daemon.Kill();
  load.Repeat(producer, 0, 3'000);
  daemon.StartAndWait();
  ExpectTotalsMatch({.records = producer.delivered(), .inserted = 3'000, .duplicates = 3'000});
}

}  // namespace
}  // namespace usage_ingest::support
