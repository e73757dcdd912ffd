// A daemon that has nothing to do costs next to nothing, however many partitions it has.
#include <gtest/gtest.h>
#include <unistd.h>

#include <sstream>

#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

constexpr int kPartitions = 500;
constexpr auto kWatched = 20s;  // more than the intervals of every periodic job of the consumer
constexpr double kSecondsPerMinuteMax = 1.0;

class IdleTest : public PipelineTest {
 protected:
  IdleTest() : PipelineTest({.kafka = {.own = true}, .partitions = kPartitions}) {}
};

// Fields 14 and 15 of proc_pid_stat(5), behind the name, which may hold spaces.
double CpuSeconds(pid_t pid) {
  const std::string stat = ReadFile("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

int Series(const std::string& scrape, const std::string& name) {
  int count = 0;
  for (std::size_t at = 0; (at = scrape.find("\n" + name, at)) != std::string::npos; ++at) ++count;
  return count;
}

// The CPU time of a process in a minute, from what it uses in `kWatched`.
double CpuSecondsPerMinute(DaemonProcess& daemon) {
  const double before = CpuSeconds(daemon.pid());
  EXPECT_TRUE(HoldsFor(kWatched, [&] { return daemon.running(); })) << daemon.log();
  return (CpuSeconds(daemon.pid()) - before) * (60s / kWatched);
}

TEST_F(IdleTest, FiveHundredPartitionsNeedLessThanASecondOfCpuPerMinute) {
  DaemonOptions options = DaemonDefaults();
  options.settings["log"]["level"] = "\"info\"";
  options.kafka_properties = {};
  DaemonProcess daemon(options);
  daemon.StartAndWait();
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return Series(daemon.Get("/metrics").body, "usage_ingest_lag_records{") == kPartitions &&
           daemon.Metric("usage_ingest_lag_records") == 0;
  })) << daemon.log();
  const double per_minute = CpuSecondsPerMinute(daemon);
  RecordProperty("cpu_ms_per_minute", static_cast<int>(per_minute * 1000));
  EXPECT_LT(per_minute, kSecondsPerMinuteMax);
  EXPECT_EQ(daemon.Metric("usage_ingest_rebalances_total"), 1) << daemon.log();
}

TEST_F(IdleTest, WithoutItsDatabaseItWaits) {
  DaemonProcess daemon(DaemonDefaults());
  daemon.StartAndWait();
  postgres_.Kill();
  ASSERT_TRUE(WaitUntil(After(60s), [&] { return daemon.Metric("usage_ingest_postgres_up") == 0; }))
      << daemon.log();
  EXPECT_LT(CpuSecondsPerMinute(daemon), 2.0);
}

// A broker that ends in order says so, and a client that has asked it something at once asks again.
TEST_F(IdleTest, WithoutItsBrokerItWaits) {
  DaemonProcess daemon(DaemonDefaults());
  daemon.StartAndWait();
  kafka_.Stop(1);
  EXPECT_LT(CpuSecondsPerMinute(daemon), 2.0);
}

}  // namespace
}  // namespace usage_ingest::support
