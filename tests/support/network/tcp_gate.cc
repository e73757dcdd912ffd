#include "tests/support/network/tcp_gate.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <limits>
#include <list>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "schema/mutex.h"

namespace usage_ingest::support {
namespace {

constexpr int kPollIntervalMs = 20;
constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::size_t kTailBytes = 64;  // longer than any reply that a test loses

enum class Mode { kCarry, kStall, kTrickle, kRefuse };

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  // close() then sends RST instead of FIN (socket(7), SO_LINGER).
  void ResetOnClose() const {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }

 private:
  int fd_;
};

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// One direction of a connection: what was read and not yet written.
struct Pipe {
  std::string waiting;
  bool ended = false;      // the source said that it is done
  bool shut_down = false;  // and the destination was told
};

struct Connection {
  Connection(Socket from_client, Socket to_server)
      : client(std::move(from_client)), server(std::move(to_server)) {}
  Socket client;
  Socket server;
  Pipe up;           // client to server
  Pipe down;         // server to client
  std::string tail;  // the last bytes sent to the client, to find a reply across reads
  bool dead = false;

  void Reset() {
    client.ResetOnClose();
    server.ResetOnClose();
    dead = true;
  }
};

}  // namespace

struct TcpGate::Impl {
  explicit Impl(std::uint16_t server) : server_port(server), listener(Listen()) {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    getsockname(listener.fd(), reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
    thread = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) Turn();
    });
  }

  static Socket Listen();
  void Turn();
  void Accept() REQUIRES(mutex);
  void Fill(int fd, Pipe& pipe) const;
  void SendUp(Connection& connection) REQUIRES(mutex);
  void SendDown(Connection& connection) REQUIRES(mutex);
  [[nodiscard]] std::size_t Allowance(const Pipe& pipe) const REQUIRES(mutex);
  bool Send(int fd, Pipe& pipe, std::size_t bytes) const;

  std::uint16_t server_port;
  std::uint16_t port = 0;
  Socket listener;
  std::list<Connection> connections;  // of the gate's thread

  Mutex mutex;  // for the orders of other threads
  Mode mode GUARDED_BY(mutex) = Mode::kCarry;
  std::size_t trickle_bytes GUARDED_BY(mutex) = 0;
  std::optional<std::uint64_t> close_after GUARDED_BY(mutex);
  std::string lost_reply GUARDED_BY(mutex);
  bool reset_all GUARDED_BY(mutex) = false;

  std::atomic<std::uint64_t> to_server = 0;
  std::atomic<std::uint64_t> to_client = 0;
  std::atomic<std::size_t> made = 0;
  std::atomic<std::size_t> faults = 0;
  std::jthread thread;  // last: it uses all of the above
};

Socket TcpGate::Impl::Listen() {
  Socket result(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in address = Loopback(0);
  if (result.fd() < 0 ||
      bind(result.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(result.fd(), 64) != 0) {
    throw std::system_error(errno, std::generic_category(), "gate");
  }
  return result;
}

void TcpGate::Impl::Accept() {
  Socket client(accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (client.fd() < 0) return;
  ++made;
  Socket server(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(server_port);
  if (mode == Mode::kRefuse ||
      connect(server.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    client.ResetOnClose();
    return;
  }
  fcntl(server.fd(), F_SETFL, O_NONBLOCK);
  for (const int fd : {client.fd(), server.fd()}) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  connections.emplace_back(std::move(client), std::move(server));
}

void TcpGate::Impl::Fill(int fd, Pipe& pipe) const {
  std::array<char, kBufferBytes> buffer;
  if (pipe.ended || pipe.waiting.size() >= kBufferBytes) return;
  const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got > 0) pipe.waiting.append(buffer.data(), static_cast<std::size_t>(got));
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) pipe.ended = true;
}

std::size_t TcpGate::Impl::Allowance(const Pipe& pipe) const {
  if (mode == Mode::kStall) return 0;
  if (mode == Mode::kTrickle) return std::min(trickle_bytes, pipe.waiting.size());
  return pipe.waiting.size();
}

// False when the other side is gone.
bool TcpGate::Impl::Send(int fd, Pipe& pipe, std::size_t bytes) const {
  if (bytes > 0) {
    const ssize_t sent = ::send(fd, pipe.waiting.data(), bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent > 0) pipe.waiting.erase(0, static_cast<std::size_t>(sent));
  }
  if (pipe.ended && pipe.waiting.empty() && !std::exchange(pipe.shut_down, true)) {
    shutdown(fd, SHUT_WR);
  }
  return true;
}

void TcpGate::Impl::SendUp(Connection& connection) {
  std::size_t bytes = Allowance(connection.up);
  const bool cut = close_after && *close_after <= bytes;
  if (cut) bytes = *close_after;
  const std::size_t before = connection.up.waiting.size();
  if (!Send(connection.server.fd(), connection.up, bytes)) connection.dead = true;
  const std::size_t sent = before - connection.up.waiting.size();
  to_server += sent;
  if (close_after) *close_after -= std::min<std::uint64_t>(*close_after, sent);
  if (cut && sent == bytes) {
    connection.Reset();
    close_after.reset();
    ++faults;
  }
}

void TcpGate::Impl::SendDown(Connection& connection) {
  const std::string text = connection.tail + connection.down.waiting;
  if (!lost_reply.empty() && text.find(lost_reply) != std::string::npos) {
    lost_reply.clear();
    connection.Reset();
    ++faults;
    return;
  }
  const std::size_t before = connection.down.waiting.size();
  if (!Send(connection.client.fd(), connection.down, Allowance(connection.down))) {
    connection.dead = true;
  }
  const std::size_t sent = before - connection.down.waiting.size();
  to_client += sent;
  const std::size_t seen = text.size() - before + sent;
  connection.tail = text.substr(seen - std::min(seen, kTailBytes), std::min(seen, kTailBytes));
}

void TcpGate::Impl::Turn() {
  std::vector<pollfd> waiting = {{listener.fd(), POLLIN, 0}};
  const auto watch = [&waiting](int fd, const Pipe& in, bool can_write) {
    const bool read = !in.ended && in.waiting.size() < kBufferBytes;
    const auto events = static_cast<short>((read ? POLLIN : 0) | (can_write ? POLLOUT : 0));
    // poll(2) reports a hang-up whatever is asked; a negative descriptor is left alone.
    waiting.push_back({events == 0 ? -1 : fd, events, 0});
  };
  {
    const MutexLock lock(mutex);
    // While bytes are held back on purpose, being able to write is no news.
    const bool carry = mode == Mode::kCarry;
    for (const Connection& each : connections) {
      watch(each.client.fd(), each.up, carry && !each.down.waiting.empty());
      watch(each.server.fd(), each.down, carry && !each.up.waiting.empty());
    }
  }
  // ignored because what can be read is found out by reading
  static_cast<void>(::poll(waiting.data(), waiting.size(), kPollIntervalMs));
  const MutexLock lock(mutex);
  if (waiting[0].revents != 0) Accept();
  const bool reset = std::exchange(reset_all, false) || mode == Mode::kRefuse;
  for (Connection& connection : connections) {
    if (reset) connection.Reset();
    if (!connection.dead) Fill(connection.client.fd(), connection.up);
    if (!connection.dead) Fill(connection.server.fd(), connection.down);
    if (!connection.dead) SendDown(connection);
    if (!connection.dead) SendUp(connection);
    if (connection.up.shut_down && connection.down.shut_down) connection.dead = true;
  }
  connections.remove_if([](const Connection& connection) { return connection.dead; });
}

TcpGate::TcpGate(std::uint16_t server_port) : impl_(std::make_unique<Impl>(server_port)) {}
TcpGate::~TcpGate() = default;

std::uint16_t TcpGate::port() const noexcept { return impl_->port; }

void TcpGate::CloseAfterBytesToServer(std::uint64_t bytes) {
  const MutexLock lock(impl_->mutex);
  impl_->close_after = bytes;
}

void TcpGate::LoseReply(const std::string& reply) {
  const MutexLock lock(impl_->mutex);
  impl_->lost_reply = reply;
}

void TcpGate::Stall() {
  const MutexLock lock(impl_->mutex);
  impl_->mode = Mode::kStall;
}

void TcpGate::Trickle(std::size_t bytes) {
  const MutexLock lock(impl_->mutex);
  impl_->mode = Mode::kTrickle;
  impl_->trickle_bytes = bytes;
}

void TcpGate::Refuse() {
  const MutexLock lock(impl_->mutex);
  impl_->mode = Mode::kRefuse;
}

void TcpGate::Resume() {
  const MutexLock lock(impl_->mutex);
  impl_->mode = Mode::kCarry;
}

void TcpGate::ResetAll() {
  const MutexLock lock(impl_->mutex);
  impl_->reset_all = true;
}

std::uint64_t TcpGate::bytes_to_server() const noexcept { return impl_->to_server; }
std::uint64_t TcpGate::bytes_to_client() const noexcept { return impl_->to_client; }
std::size_t TcpGate::connections_made() const noexcept { return impl_->made; }
std::size_t TcpGate::faults_done() const noexcept { return impl_->faults; }

}  // namespace usage_ingest::support
