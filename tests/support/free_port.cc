#include "tests/support/free_port.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <set>
#include <stdexcept>

#include "schema/mutex.h"

namespace usage_ingest::support {
namespace {

bool CanListen(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return free;
}

}  // namespace

std::uint16_t FreePort() {
  static Mutex mutex;
  static std::mt19937 random{std::random_device{}()};
  static std::set<std::uint16_t> given;
  const MutexLock lock(mutex);
  // ip_local_port_range begins at 32768 unless the administrator changed it.
  std::uniform_int_distribution<unsigned> any(20'000, 32'000);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const auto port = static_cast<std::uint16_t>(any(random));
    if (!given.contains(port) && CanListen(port)) {
      given.insert(port);
      return port;
    }
  }
  throw std::runtime_error("no free port between 20000 and 32000");
}

}  // namespace usage_ingest::support
