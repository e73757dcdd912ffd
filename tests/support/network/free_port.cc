#include "tests/support/network/free_port.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>

#include "schema/mutex.h"

namespace usage_ingest::support {
namespace {

// Whether `call`, which is bind or connect, works on this port of 127.0.0.1.
bool Works(int (*call)(int, const sockaddr*, socklen_t), std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool works = call(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return works;
}

// True: this process has the port, until it ends. Test cases run at the same time in processes of
// their own, and seconds pass before a server listens. An abstract socket (unix(7)) leaves nothing
// behind, and belongs to the network namespace as the port does.
bool Reserve(std::uint16_t port) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const std::string name = "usage-ingest-test-port-" + std::to_string(port);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(&address.sun_path[1], name.data(), name.size());  // [0] stays 0: abstract
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0) return true;
  close(fd);
  return false;
}

}  // namespace

std::uint16_t FreePort() {
  static Mutex mutex;
  static std::mt19937 random{std::random_device{}()};
  const MutexLock lock(mutex);
  // ip_local_port_range begins at 32768 unless the administrator changed it.
  std::uniform_int_distribution<unsigned> any(20'000, 32'000);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const auto port = static_cast<std::uint16_t>(any(random));
    if (Reserve(port) && Works(bind, port)) return port;
  }
  throw std::runtime_error("no free port between 20000 and 32000");
}

bool IsListening(std::uint16_t port) { return Works(connect, port); }

}  // namespace usage_ingest::support
