// A cable is pulled: no reset, no goodbye. It is noticed in seconds, and work goes on when it is
// back.
#include <gtest/gtest.h>

#include "tests/fault/fault_fixture.h"
#include "tests/support/network/network_link.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

// Before the fixture's parts: PostgreSQL and Kafka listen on addresses of this network.
struct Cables {
  Cables() { IsolateNetwork(); }
  struct Ends {
    FarSide side;
    NetworkLink postgres{side, 1};
    NetworkLink kafka{side, 2};
  };
  std::unique_ptr<Ends> ends;
  Ends& Lay() {
    ends = std::make_unique<Ends>();
    return *ends;
  }
};

class NetworkCutTest : protected Cables, public FaultTest {
 protected:
  NetworkCutTest()
      : FaultTest({.postgres = {.fsync = false, .listen = "*"},
                   .kafka = {.host = Lay().kafka.near_address()}},
                  {.events = 20'000}) {}

  [[nodiscard]] DaemonOptions BehindTheCables() const {
    DaemonOptions options = SmallBatches();
    options.conninfo = "host=" + ends->postgres.near_address() +
                       " port=" + std::to_string(postgres_.port()) + " dbname=" + kDatabase +
                       " user=" + kDaemonRole;
    options.command_prefix = ends->side.prefix();
    options.http_host = "0.0.0.0";  // asked over a cable, and from its own side
    return options;
  }
  [[nodiscard]] bool ReadyAtItsOwnSide() const {
    return ends->side.Get(daemon_->http_port(), "/readyz").find(" 200 ") != std::string::npos;
  }
  // Ready, and no lag.
  [[nodiscard]] bool SaysThatNothingWaits() const {
    const std::string status = ends->side.Get(daemon_->http_port(), "/status");
    return ReadyAtItsOwnSide() && status.find(R"("lag_records":0,"lag_seconds":0)") != status.npos;
  }
  // Without HTTP over a cable: the daemon is asked at its own side.
  void ExpectGoesOn() {
    load_.PublishAll(*producer_);
    ExpectTotalsMatch(load_.Expected(*producer_));
    EXPECT_TRUE(WaitUntil(After(60s), [&] { return ReadyAtItsOwnSide(); })) << daemon_->log();
    EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
  }
};

TEST_F(NetworkCutTest, PostgresUnreachable) {
  StartInTheMiddle(BehindTheCables());
  ASSERT_TRUE(WaitUntil(After(20s), [&] { return ReadyAtItsOwnSide(); }));
  ends->postgres.Cut();
  load_.Publish(*producer_, 500);
  // tcp_user_timeout is eight seconds
  EXPECT_TRUE(WaitUntil(After(15s), [&] { return !ReadyAtItsOwnSide(); })) << daemon_->log();
  ends->postgres.Heal();
  ExpectGoesOn();
}

TEST_F(NetworkCutTest, KafkaUnreachable) {
  StartInTheMiddle(BehindTheCables());
  ASSERT_TRUE(WaitUntil(After(20s), [&] { return ReadyAtItsOwnSide(); }));
  ends->kafka.Cut();
  // The group misses the member after session.timeout.ms, six seconds here.
  EXPECT_TRUE(WaitUntil(After(30s), [&] { return !ReadyAtItsOwnSide(); })) << daemon_->log();
  ends->kafka.Heal();
  ExpectGoesOn();
}

// A link of 60 KB/s takes 17 s for one batch of a megabyte (K18): what waits is told all the same.
TEST_F(NetworkCutTest, KafkaIsSlow) {
  StartInTheMiddle(BehindTheCables());
  ASSERT_TRUE(WaitUntil(After(20s), [&] { return ReadyAtItsOwnSide(); }));
  ends->kafka.Throttle(60);
  Producer producer(kafka_.brokers(), {{"compression.type", "none"}});
  for (int i = 0; i < 8; ++i) {
    producer.Produce({.topic = kTopic, .partition = 0, .value = std::string(900'000, 'x')});
  }
  producer.Flush();
  EXPECT_TRUE(WaitUntil(After(30s), [&] {
    const std::string status = ends->side.Get(daemon_->http_port(), "/status");
    const bool is_known = status.find(R"("lag_records":)") != std::string::npos &&
                          status.find(R"("lag_records":null)") == std::string::npos;
    return !ReadyAtItsOwnSide() || (is_known && status.find(R"("lag_records":0,)") == status.npos);
  })) << ends->side.Get(daemon_->http_port(), "/status");
  EXPECT_FALSE(SaysThatNothingWaits());
  ends->kafka.Throttle(100'000);
  EXPECT_TRUE(WaitUntil(After(60s), [&] { return SaysThatNothingWaits(); })) << daemon_->log();
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
}

TEST_F(NetworkCutTest, BothUnreachable) {
  StartInTheMiddle(BehindTheCables());
  ASSERT_TRUE(WaitUntil(After(20s), [&] { return ReadyAtItsOwnSide(); }));
  ends->kafka.Cut();
  ends->postgres.Cut();
  EXPECT_TRUE(WaitUntil(After(30s), [&] { return !ReadyAtItsOwnSide(); })) << daemon_->log();
  ends->kafka.Heal();
  ends->postgres.Heal();
  ExpectGoesOn();
}

}  // namespace
}  // namespace usage_ingest::support
