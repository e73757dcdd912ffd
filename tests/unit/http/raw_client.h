#pragma once
// RawClient: a TCP client that sends whatever bytes a test wants, well-formed or not.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace usage_ingest::http {

class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr generic{};
    static_assert(sizeof generic == sizeof address);
    __builtin_memcpy(&generic, &address, sizeof generic);
    if (connect(fd_, &generic, sizeof generic) != 0) throw std::runtime_error("cannot connect");
  }
  RawClient(RawClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient() {
    if (fd_ >= 0) close(fd_);
  }

  // False when the server has closed.
  bool Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void ShutdownSend() const { shutdown(fd_, SHUT_WR); }

  // All until the server closes.
  [[nodiscard]] std::string ReadToEnd() const {
    std::string text;
    while (ReadSome(text)) {
    }
    return text;
  }
  // Until `mark` has come, or the server closes.
  [[nodiscard]] std::string ReadUntil(std::string_view mark) const {
    std::string text;
    while (text.find(mark) == std::string::npos && ReadSome(text)) {
    }
    return text;
  }
  // Whether the server closes within the time.
  [[nodiscard]] bool ClosesWithin(std::chrono::milliseconds time) const {
    pollfd entry{fd_, POLLIN, 0};
    if (poll(&entry, 1, static_cast<int>(time.count())) != 1) return false;
    char byte = 0;
    return recv(fd_, &byte, 1, MSG_PEEK) <= 0;
  }

 private:
  bool ReadSome(std::string& text) const {
    pollfd entry{fd_, POLLIN, 0};
    constexpr int kPatienceMs = 20'000;
    if (poll(&entry, 1, kPatienceMs) != 1) throw std::runtime_error("no answer: " + text);
    std::array<char, 4096> bytes{};
    const ssize_t got = recv(fd_, bytes.data(), bytes.size(), 0);
    if (got <= 0) return false;
    text.append(bytes.data(), static_cast<std::size_t>(got));
    return true;
  }
  int fd_;
};

}  // namespace usage_ingest::http
