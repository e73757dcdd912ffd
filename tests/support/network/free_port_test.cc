#include "tests/support/network/free_port.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <set>

namespace usage_ingest::support {
namespace {

constexpr std::size_t kPorts =
    400;  // of 12,000: two that choose without an agreement meet 13 times

std::set<std::uint16_t> TakePorts() {
  std::set<std::uint16_t> ports;
  while (ports.size() < kPorts) ports.insert(FreePort());
  return ports;
}

// Test cases are processes that run at the same time: two servers on one port, and one of them does
// not start.
TEST(FreePortTest, NoProcessGetsThePortOfAnother) {
  std::array<int, 2> ports{};
  std::array<int, 2> end{};
  ASSERT_EQ(pipe(ports.data()), 0);
  ASSERT_EQ(pipe(end.data()), 0);
  const pid_t child = fork();  // before the first port is chosen here
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (const std::uint16_t port : TakePorts()) {
      if (write(ports[1], &port, sizeof port) != sizeof port) _exit(1);
    }
    close(end[1]);
    std::byte none{};
    _exit(static_cast<int>(read(end[0], &none, 1)));  // 0 when the parent has closed it
  }
  std::set<std::uint16_t> theirs;
  for (std::uint16_t port = 0; theirs.size() < kPorts;) {
    ASSERT_EQ(read(ports[0], &port, sizeof port), static_cast<ssize_t>(sizeof port));
    theirs.insert(port);
  }
  int shared = 0;
  for (const std::uint16_t port : TakePorts()) shared += theirs.contains(port) ? 1 : 0;
  EXPECT_EQ(shared, 0);
  close(end[1]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace usage_ingest::support
