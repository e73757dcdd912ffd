#pragma once
// HttpServer: answers GET and HEAD on one port, with bounded cost for any client.
//
// The server shares a thread with signals and timers, and the machine with the lanes. So the cost
// of a client is bounded: connections, header bytes, time to send a request and to read the answer,
// requests and new connections a second. At the limit of connections, the one that has been idle
// longest is closed, so that many idle clients cannot block a health check.
//
// Owner         main; lives on the io_context given, on its thread only.
// Limit         HttpLimits.
// Errors        the constructor throws UserError (69) when the address cannot be bound.
#include <cstdint>
#include <memory>

#include "daemon/config/config.h"
#include "daemon/http/http_reply.h"

namespace boost::asio {
class io_context;  // NOLINT(readability-identifier-naming): of Boost.Asio
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
