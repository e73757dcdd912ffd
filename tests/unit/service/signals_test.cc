#include "daemon/service/signals.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <csignal>

namespace usage_ingest::service {
namespace {

class SignalsTest : public ::testing::Test {
 protected:
  void Raise(int signal) {
    raise(signal);
    io_.restart();
    io_.poll();
  }
  boost::asio::io_context io_{1};
  int drains_ = 0;
  int reloads_ = 0;
  Signals signals_{io_, {[this] { ++drains_; }, [this] { ++reloads_; }}};
};

TEST_F(SignalsTest, HangupReloadsAndMayComeAgain) {
  Raise(SIGHUP);
  Raise(SIGHUP);
  EXPECT_EQ(reloads_, 2);
  EXPECT_EQ(drains_, 0);
}

TEST_F(SignalsTest, TerminationDrainsAndThenNothingIsReloaded) {
  Raise(SIGTERM);
  EXPECT_EQ(drains_, 1);
  Raise(SIGHUP);
  EXPECT_EQ(reloads_, 0);
}

TEST_F(SignalsTest, ASecondSignalEndsTheProcessAtOnce) {
  Raise(SIGINT);
  EXPECT_EXIT(Raise(SIGTERM), ::testing::ExitedWithCode(128 + SIGTERM), "");
}

TEST_F(SignalsTest, AfterStopTheLoopEnds) {
  signals_.Stop();
  io_.restart();
  io_.run();  // returns: nothing waits any more
  EXPECT_TRUE(io_.stopped());
}

TEST_F(SignalsTest, AClientThatWentAwayIsNoSignal) {
  EXPECT_EQ(std::signal(SIGPIPE, SIG_IGN), SIG_IGN);
}

}  // namespace
}  // namespace usage_ingest::service
