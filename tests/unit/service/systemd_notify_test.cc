// What the service manager hears, on a socket of our own in its place.
#include "daemon/service/systemd_notify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

namespace usage_ingest::service {
namespace {

using ::testing::MatchesRegex;

class SystemdNotifyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + "/notify." + std::to_string(getpid());
    unlink(path_.c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    socket_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const void* generic = &address;
    ASSERT_EQ(bind(socket_, static_cast<const sockaddr*>(generic), sizeof address), 0);
    setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    close(socket_);
    unlink(path_.c_str());
  }
  // Datagrams on a local socket are there when send returns.
  std::string Heard() {
    std::array<char, 4096> bytes{};
    const ssize_t length = recv(socket_, bytes.data(), bytes.size(), 0);
    return length < 0 ? "nothing" : std::string(bytes.data(), static_cast<std::size_t>(length));
  }
  std::string path_;
  int socket_ = -1;
};

TEST_F(SystemdNotifyTest, SaysWhatSystemdKnows) {
  SystemdNotify::Ready();
  EXPECT_EQ(Heard(), "READY=1");
  SystemdNotify::Watchdog();
  EXPECT_EQ(Heard(), "WATCHDOG=1");
  SystemdNotify::Stopping();
  EXPECT_EQ(Heard(), "STOPPING=1");
  SystemdNotify::Reloading();
  EXPECT_THAT(Heard(), MatchesRegex("RELOADING=1\nMONOTONIC_USEC=[0-9]+"));
}

TEST_F(SystemdNotifyTest, AStatusCannotSmuggleInAnotherAssignment) {
  SystemdNotify::Status("waiting: refused\nSTOPPING=1");
  EXPECT_EQ(Heard(), "STATUS=waiting: refused STOPPING=1");
}

TEST_F(SystemdNotifyTest, OutsideSystemdNothingIsSaid) {
  unsetenv("NOTIFY_SOCKET");
  SystemdNotify::Ready();
  EXPECT_EQ(Heard(), "nothing");
}

TEST_F(SystemdNotifyTest, TheWatchdogIsOursOnlyWhenItNamesOurProcess) {
  EXPECT_EQ(SystemdNotify::WatchdogPeriod(), std::nullopt);
  setenv("WATCHDOG_USEC", "60000000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(SystemdNotify::WatchdogPeriod(), std::chrono::seconds(60));
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(SystemdNotify::WatchdogPeriod(), std::nullopt);
}

}  // namespace
}  // namespace usage_ingest::service
