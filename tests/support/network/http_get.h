#pragma once
// HttpGet: one GET of the daemon's HTTP endpoint.
#include <cstdint>
#include <string>

namespace usage_ingest::support {

struct HttpReply {
  int status = 0;  // 0: no listener, or no answer within five seconds
  std::string headers;
  std::string body;
};

[[nodiscard]] HttpReply HttpGet(std::uint16_t port, const std::string& path,
                                const std::string& host = "127.0.0.1");

}  // namespace usage_ingest::support
