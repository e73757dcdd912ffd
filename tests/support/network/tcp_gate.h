#pragma once
// TcpGate: a small proxy before a server, which breaks connections in the ways networks do.
//
// Owner         the test; one thread of its own carries all connections.
// Thread-safety the orders may be given from any thread; they act within a poll interval (20 ms) on
//               connections that exist and on those to come.
// Source        ARCHITECTURE.md, failure table: "proxy that closes mid-COPY or swallows the COMMIT
//               reply".
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace usage_ingest::support {

class TcpGate {
 public:
  // Listens on a free port of 127.0.0.1 and connects to 127.0.0.1:`server_port`.
  explicit TcpGate(std::uint16_t server_port);
  ~TcpGate();
  TcpGate(const TcpGate&) = delete;
  TcpGate& operator=(const TcpGate&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept;

  // Resets (RST, no goodbye) the connection that carries the n-th byte from now to the server, all
  // connections counted together; once.
  void CloseAfterBytesToServer(std::uint64_t bytes);
  // Keeps the next server bytes that hold `reply` from the client and resets the connection: what
  // was answered has been done, and the client never hears of it. Once.
  void LoseReply(const std::string& reply);
  // Bytes stay where they are; the other side's kernel still acknowledges what it gets.
  void Stall();
  // At most this many bytes a poll interval and direction.
  void Trickle(std::size_t bytes);
  // Accepts and resets at once, and resets what is open.
  void Refuse();
  // Back to carrying everything.
  void Resume();
  void ResetAll();

  [[nodiscard]] std::uint64_t bytes_to_server() const noexcept;
  [[nodiscard]] std::uint64_t bytes_to_client() const noexcept;
  [[nodiscard]] std::size_t connections_made() const noexcept;
  // How many orders of CloseAfterBytesToServer and LoseReply were carried out.
  [[nodiscard]] std::size_t faults_done() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::support
