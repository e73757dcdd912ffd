// The gate must do what it is told to, or a fault test proves nothing.
#include "tests/support/network/tcp_gate.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <thread>

#include "tests/support/wait.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Answers every read with "got <bytes>;".
class EchoServer {
 public:
  EchoServer() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = Loopback(0);
    socklen_t length = sizeof address;
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] {
      for (int client; (client = accept(fd_, nullptr, nullptr)) >= 0; close(client)) Serve(client);
    });
  }
  ~EchoServer() {
    shutdown(fd_, SHUT_RDWR);  // wakes accept()
    thread_.join();
    close(fd_);
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  static void Serve(int client) {
    std::array<char, 4096> buffer;
    ssize_t got = 0;
    while ((got = recv(client, buffer.data(), buffer.size(), 0)) > 0) {
      const std::string answer = "got " + std::to_string(got) + ";";
      if (send(client, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
    }
  }
  int fd_;
  std::uint16_t port_ = 0;
  std::jthread thread_;
};

class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in address = Loopback(port);
    EXPECT_EQ(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~Client() { close(fd_); }
  void Send(const std::string& text) const {
    EXPECT_EQ(send(fd_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // What comes within the deadline; "reset" when the connection is, "" when nothing comes.
  [[nodiscard]] std::string Receive(std::chrono::milliseconds timeout = 5s) const {
    std::array<char, 4096> buffer;
    ssize_t got = -1;
    const bool answered = WaitUntil(After(timeout), [&] {
      got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
      return got >= 0 || errno != EAGAIN;
    });
    if (!answered) return "";
    return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : "reset";
  }

 private:
  int fd_;
};

TEST(TcpGateTest, CarriesBothWaysAndCounts) {
  const EchoServer server;
  const TcpGate gate(server.port());
  const Client client(gate.port());
  client.Send("hello");
  EXPECT_EQ(client.Receive(), "got 5;");
  EXPECT_EQ(gate.bytes_to_server(), 5u);
  EXPECT_EQ(gate.bytes_to_client(), 6u);
  EXPECT_EQ(gate.connections_made(), 1u);
}

TEST(TcpGateTest, ClosesAtTheByteItIsTold) {
  const EchoServer server;
  TcpGate gate(server.port());
  const Client client(gate.port());
  gate.CloseAfterBytesToServer(8);
  client.Send("hello");
  EXPECT_EQ(client.Receive(), "got 5;");
  EXPECT_EQ(gate.faults_done(), 0u);
  client.Send("again");
  EXPECT_EQ(client.Receive(), "reset");
  EXPECT_EQ(gate.bytes_to_server(), 8u);
  EXPECT_EQ(gate.faults_done(), 1u);
  const Client next(gate.port());  // once only
  next.Send("more than eight bytes");
  EXPECT_EQ(next.Receive(), "got 21;");
}

TEST(TcpGateTest, DropsOnlyTheNamedReply) {
  const EchoServer server;
  TcpGate gate(server.port());
  const Client client(gate.port());
  gate.LoseReply("got 3");
  client.Send("hello");
  EXPECT_EQ(client.Receive(), "got 5;");
  client.Send("bye");
  EXPECT_EQ(client.Receive(), "reset");
  EXPECT_EQ(gate.bytes_to_server(), 8u);  // the server got it
}

TEST(TcpGateTest, HoldsEverythingBackUntilItResumes) {
  const EchoServer server;
  TcpGate gate(server.port());
  const Client client(gate.port());
  gate.Stall();
  client.Send("hello");
  EXPECT_EQ(client.Receive(200ms), "");
  gate.Resume();
  EXPECT_EQ(client.Receive(), "got 5;");
}

TEST(TcpGateTest, TricklesInSmallPieces) {
  const EchoServer server;
  TcpGate gate(server.port());
  gate.Trickle(2);
  const Client client(gate.port());
  client.Send("hello");
  std::string answers;
  EXPECT_TRUE(WaitUntil(After(5s), [&] {
    answers += client.Receive(100ms);
    return answers == "got 2;got 2;got 1;";
  })) << answers;
}

TEST(TcpGateTest, RefusesAndThenAccepts) {
  const EchoServer server;
  TcpGate gate(server.port());
  const Client open(gate.port());
  gate.Refuse();
  EXPECT_EQ(open.Receive(), "reset");
  EXPECT_EQ(Client(gate.port()).Receive(), "reset");
  gate.Resume();
  const Client client(gate.port());
  client.Send("hello");
  EXPECT_EQ(client.Receive(), "got 5;");
}

}  // namespace
}  // namespace usage_ingest::support
