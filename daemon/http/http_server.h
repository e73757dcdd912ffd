#pragma once
// HttpServer: answers GET and HEAD on one port, and survives whoever connects.
//
// It shares a thread with signals and timers and a machine with the lanes, so what a client can
// cost is bounded: connections, header bytes, time for a request and for taking the answer,
// requests and new connections a second. At the bound of connections, the one that has been silent
// longest makes room, so that a crowd of idle ones cannot keep a health check out.
//
// Owner         main; lives on the io_context given, on its thread only.
// Limit         HttpLimits.
// Errors        the constructor throws UserError (69) when the address cannot be bound.
#include <cstdint>
#include <memory>

#include "daemon/config/config.h"
#include "daemon/http/http_reply.h"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming): theirs
}

namespace usage_ingest::http {

struct HttpLimits {
  std::size_t connections_max = 64;
  std::size_t requests_per_connection_max = 1000;
  std::chrono::milliseconds request_timeout = std::chrono::seconds(15);  // idle time included
  std::chrono::milliseconds response_timeout = std::chrono::seconds(10);
  double requests_per_second = 200;
  double connections_per_second = 200;
};

class HttpServer {
 public:
  HttpServer(boost::asio::io_context& io, const config::ListenAddress& address, HttpHandler handler,
             HttpLimits limits = {});
  ~HttpServer();

  void Start();
  // Closes the port and every connection; the io_context's run() does not wait for them.
  void Stop();
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::size_t connections() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace usage_ingest::http
