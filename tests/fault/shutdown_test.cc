// Told to stop in the middle of everything: in time, with status 0, and nothing is lost.
#include <gtest/gtest.h>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class ShutdownTest : public GateTest {
 protected:
  ShutdownTest() : GateTest({}, {.events = 20'000}) {}
};

TEST_F(ShutdownTest, SigtermUnderLoadDrainsAndEndsWithZero) {
  StartInTheMiddle();
  daemon_->Signal(SIGTERM);
  EXPECT_EQ(daemon_->WaitExit(15s), 0) << daemon_->log();
  ASSERT_LT(RowCount(), static_cast<std::int64_t>(Events() * 8 / 10)) << "there was no load left";
  daemon_->StartAndWait();
  ExpectRecovers();
}

// Ten rounds, so that the signal meets different moments.
TEST_F(ShutdownTest, SigtermAtAnyMomentLosesNothing) {
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  for (std::int64_t round = 0; round < 10; ++round) {
    load_.Publish(*producer_, 1'500);
    const std::int64_t before = RowCount();
    daemon_->Start();
    ASSERT_TRUE(WaitForRows(before + 1 + 97 * round)) << daemon_->log();
    daemon_->Signal(SIGTERM);
    ASSERT_EQ(daemon_->WaitExit(15s), 0) << daemon_->log();
  }
  daemon_->StartAndWait();
  ExpectRecovers();
}

// Nothing to drain, but the housekeeper waits for an answer.
TEST_F(ShutdownTest, WithPostgresAwayAnIdleOneEndsInTime) {
  load_.Publish(*producer_, Events() / 4);
  daemon_ = std::make_unique<DaemonProcess>(ThroughTheGate());
  daemon_->StartAndWait();
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
  })) << daemon_->log();
  gate_.Stall();
  // It asks something every five seconds.
  const std::uint64_t before = gate_.bytes_to_server();
  ASSERT_TRUE(HoldsFor(6s, [&] { return gate_.bytes_to_server() == before; }));
  daemon_->Signal(SIGTERM);
  // shutdown.drain is ten seconds
  EXPECT_EQ(daemon_->WaitExit(15s), 0) << daemon_->log();
  gate_.Resume();
  daemon_->StartAndWait();
  ExpectRecovers();
}

TEST_F(ShutdownTest, WithPostgresAwayItStillEndsInTime) {
  StartInTheMiddle(ThroughTheGate());
  gate_.Stall();
  daemon_->Signal(SIGTERM);
  // shutdown.drain is ten seconds
  EXPECT_EQ(daemon_->WaitExit(20s), 0) << daemon_->log();
  gate_.Resume();
  daemon_->StartAndWait();
  ExpectRecovers();
}

TEST_F(ShutdownTest, ASecondSignalEndsItAtOnce) {
  StartInTheMiddle(ThroughTheGate());
  gate_.Stall();
  daemon_->Signal(SIGTERM);
  ASSERT_FALSE(WaitUntil(After(1s), [&] { return !daemon_->running(); }))
      << "it did not drain, so a second signal shows nothing";
  daemon_->Signal(SIGTERM);
  daemon_->WaitExit(2s);
  gate_.Resume();
  daemon_->StartAndWait();
  ExpectRecovers();
}

}  // namespace
}  // namespace usage_ingest::support
