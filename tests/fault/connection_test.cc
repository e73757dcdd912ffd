// PostgreSQL's connection breaks in the ways that proxies and operators break it.
#include <gtest/gtest.h>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

class ConnectionFaultTest : public GateTest {
 protected:
  ConnectionFaultTest() : GateTest({}, {.events = 15'000}) {}
};

// A byte that is drawn from the batch's whole length: BEGIN, COPY, upserts, COMMIT are all hit.
TEST_F(ConnectionFaultTest, AProxyClosesInTheMiddleOfEverything) {
  StartInTheMiddle(ThroughTheGate());
  std::uint64_t bytes = 1'000;
  for (std::size_t fault = 1; fault <= 15; ++fault) {
    gate_.CloseAfterBytesToServer(bytes);
    bytes = (bytes * 7919 + 13) % 100'000;
    load_.Publish(*producer_, 100);
    ASSERT_TRUE(WaitUntil(After(30s), [&] { return gate_.faults_done() == fault; }))
        << daemon_->log();
  }
  ExpectRecovers();
}

// The batch is committed but the daemon has no reply: it must find that out, and neither lose nor
// repeat the batch.
TEST_F(ConnectionFaultTest, TheReplyToCommitIsLost) {
  StartInTheMiddle(ThroughTheGate());
  // CommandComplete's tag ends with a NUL (PostgreSQL 15 manual, 55.7).
  const std::string reply("COMMIT\0", 7);
  for (std::size_t fault = 1; fault <= 10; ++fault) {
    gate_.LoseReply(reply);
    load_.Publish(*producer_, 100);
    ASSERT_TRUE(WaitUntil(After(30s), [&] { return gate_.faults_done() == fault; }))
        << daemon_->log();
  }
  ExpectRecovers();
}

TEST_F(ConnectionFaultTest, TheProxyIsDownAndReadyzSaysSo) {
  StartInTheMiddle(ThroughTheGate());
  gate_.Refuse();
  ASSERT_TRUE(WaitUntil(After(20s), [&] { return daemon_->Get("/readyz").status == 503; }));
  EXPECT_EQ(daemon_->Get("/healthz").status, 200);
  EXPECT_GT(daemon_->Metric("usage_ingest_postgres_errors_total", {"class=\"transient\""}), 0);
  gate_.Resume();
  ExpectRecovers();
}

// Bytes crawl: slow is not broken.
TEST_F(ConnectionFaultTest, TheProxyTrickles) {
  StartInTheMiddle(ThroughTheGate());
  gate_.Trickle(500);
  const std::uint64_t before = gate_.bytes_to_server();
  ASSERT_TRUE(WaitUntil(After(30s), [&] { return gate_.bytes_to_server() > before + 20'000; }));
  gate_.Resume();
  ExpectRecovers();
}

// Nothing moves for longer than any pause that is normal, then everything does.
TEST_F(ConnectionFaultTest, TheProxyStallsAndGoesOn) {
  StartInTheMiddle(ThroughTheGate());
  gate_.Stall();
  ASSERT_TRUE(HoldsFor(5s, [&] { return daemon_->running(); })) << daemon_->log();
  gate_.Resume();
  ExpectRecovers();
}

TEST_F(ConnectionFaultTest, SessionsAreTerminatedAgainAndAgain) {
  StartInTheMiddle();
  for (int round = 0; round < 20; ++round) {
    load_.Publish(*producer_, 50);
    ASSERT_TRUE(WaitUntil(After(30s), [&] {
      return database_.Number(
                 "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity "
                 "WHERE application_name LIKE 'usage-ingestd/%'") > 0;
    })) << daemon_->log();
  }
  ExpectRecovers();
}

// What a statement_timeout does (57014).
TEST_F(ConnectionFaultTest, StatementsAreCancelledAgainAndAgain) {
  StartInTheMiddle();
  std::int64_t cancelled = 0;
  EXPECT_TRUE(WaitUntil(After(60s), [&] {
    if (load_.published() + 50 <= Events()) load_.Publish(*producer_, 50);
    cancelled += database_.Number(
        "SELECT count(*) FILTER (WHERE pg_cancel_backend(pid)) FROM pg_stat_activity "
        "WHERE application_name LIKE 'usage-ingestd/%' AND state = 'active'");
    return cancelled >= 10;
  })) << daemon_->log();
  ExpectRecovers();
}

}  // namespace
}  // namespace usage_ingest::support
