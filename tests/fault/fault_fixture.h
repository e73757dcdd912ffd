#pragma once
// FaultTest: a daemon in the middle of much work, for one row of the failure table.
//
// Every case does the same at the end: the rest of the load is published after the fault,
// everything is ingested, and totals and oracle agree. A fault that did not happen fails the case
// too.
#include <memory>

#include "tests/support/network/tcp_gate.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {

class FaultTest : public PipelineTest {
 protected:
  explicit FaultTest(const PipelineOptions& options = {}, const LoadOptions& load = {})
      : PipelineTest(options), load_(load, kTopic) {}

  void SetUp() override {
    PipelineTest::SetUp();
    Install(load_);
    producer_ = std::make_unique<Producer>(kafka_.brokers());
  }

  // Starts the daemon with options_, publishes all but a tenth of the load and returns when a
  // quarter of it is stored: the fault comes in the middle.
  void StartInTheMiddle(const DaemonOptions& options) {
    load_.Publish(*producer_, Events() * 9 / 10);
    daemon_ = std::make_unique<DaemonProcess>(options);
    daemon_->Start();
    ASSERT_TRUE(WaitForRows(static_cast<std::int64_t>(Events() / 4))) << daemon_->log();
  }
  void StartInTheMiddle() { StartInTheMiddle(SmallBatches()); }

  // The daemon lives, takes what comes now, and everything is right.
  void ExpectRecovers() {
    load_.PublishAll(*producer_);
    ExpectTotalsMatch(load_.Expected(*producer_));
    daemon_->WaitReady();
    EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  }
  [[nodiscard]] std::uint64_t Events() const { return load_.events(); }

  GeneratedLoad load_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<DaemonProcess> daemon_;
};

// … whose daemon reaches PostgreSQL through a gate.
class GateTest : public FaultTest {
 protected:
  explicit GateTest(const PipelineOptions& options = {}, const LoadOptions& load = {})
      : FaultTest(options, load), gate_(postgres_.port()) {}

  [[nodiscard]] DaemonOptions ThroughTheGate() const {
    DaemonOptions options = SmallBatches();
    options.conninfo = "host=127.0.0.1 port=" + std::to_string(gate_.port()) +
                       " dbname=" + kDatabase + " user=" + kDaemonRole;
    return options;
  }

  TcpGate gate_;
};

}  // namespace usage_ingest::support
