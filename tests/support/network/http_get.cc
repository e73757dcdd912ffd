#include "tests/support/network/http_get.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace usage_ingest::support {
namespace {

class Connection {
 public:
  Connection(const std::string& host, std::uint16_t port)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval timeout{.tv_sec = 5, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    inet_pton(AF_INET, host.c_str(), &address.sin_addr);
    open_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Sends and reads until the server closes; "" when there is no answer.
  [[nodiscard]] std::string Ask(const std::string& request) const {
    if (!open_ || send(fd_, request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
    std::string reply;
    std::array<char, 16384> buffer;
    ssize_t got = 0;
    while ((got = recv(fd_, buffer.data(), buffer.size(), 0)) > 0) {
      reply.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return reply;
  }

 private:
  int fd_;
  bool open_ = false;
};

}  // namespace

HttpReply HttpGet(std::uint16_t port, const std::string& path, const std::string& host) {
  const std::string reply =
      Connection(host, port)
          .Ask("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
  const std::size_t space = reply.find(' ');
  const std::size_t end = reply.find("\r\n\r\n");
  if (space == std::string::npos || end == std::string::npos) return {};
  return {std::atoi(reply.c_str() + space), reply.substr(0, end), reply.substr(end + 4)};
}

}  // namespace usage_ingest::support
