#pragma once
// HttpReply: what a path answers, independent of sockets.
#include <functional>
#include <string>
#include <string_view>

namespace usage_ingest::http {

struct HttpReply {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  // Content-Security-Policy; what is not a page may load nothing.
  std::string security_policy = "default-src 'none'; frame-ancestors 'none'";
};

// Called on the server's thread with the path alone (no query). It does not block. It answers 404
// for an unknown path.
using HttpHandler = std::function<HttpReply(std::string_view path)>;

}  // namespace usage_ingest::http
