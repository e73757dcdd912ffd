#include "daemon/http/http_message.h"

#include <boost/beast/http/error.hpp>
#include <exception>
#include <utility>

namespace usage_ingest::http {
namespace {

namespace http = boost::beast::http;

constexpr unsigned kHttp11 = 11;

HttpReply PlainReply(http::status status, std::string_view why) {
  HttpReply reply;
  reply.status = static_cast<unsigned>(status);
  reply.body = std::string(why) + "\n";
  return reply;
}

// The path of "/status?x" and of "http://host/status" (RFC 9112, 3.2.2: servers must accept it).
std::string_view PathOf(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::size_t slash = target.find('/', scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return target.substr(0, target.find('?'));
}

Response ToResponse(HttpReply reply, unsigned version, bool keep_alive) {
  Response response;
  response.version(version);
  response.result(reply.status);
  response.set(http::field::content_type, reply.content_type);
  response.set(http::field::cache_control, "no-store");
  response.set("Content-Security-Policy", reply.security_policy);
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Frame-Options", "DENY");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  response.set("Cross-Origin-Opener-Policy", "same-origin");
  response.keep_alive(keep_alive);
  response.body() = std::move(reply.body);
  response.prepare_payload();
  return response;
}

Response Refuse(http::status status, std::string_view why) {
  return ToResponse(PlainReply(status, why), kHttp11, false);
}

}  // namespace

void LimitParser(RequestParser& parser) {
  parser.header_limit(kHeaderBytesMax);
  parser.body_limit(boost::none);  // a body is refused by the header that announces it
}

Response Respond(const RequestParser& parser, const HttpHandler& handler) {
  const auto& request = parser.get();
  if (parser.chunked() || parser.content_length().value_or(0) > 0 || !parser.is_done()) {
    return Refuse(http::status::payload_too_large, "no request here has a body");
  }
  if (request.version() == kHttp11 && request.count(http::field::host) != 1) {
    return Refuse(http::status::bad_request, "one Host header is needed");
  }
  const bool is_head = request.method() == http::verb::head;
  if (!is_head && request.method() != http::verb::get) {
    Response response = Refuse(http::status::method_not_allowed, "only GET and HEAD");
    response.set(http::field::allow, "GET, HEAD");
    return response;
  }
  const auto target = request.target();
  HttpReply reply;
  try {
    reply = handler(PathOf({target.data(), target.size()}));
  } catch (const std::exception& error) {
    reply = PlainReply(http::status::internal_server_error, error.what());
  }
  Response response = ToResponse(std::move(reply), request.version(), request.keep_alive());
  if (is_head) response.body().clear();  // Content-Length stays that of the body
  return response;
}

Response RespondToError(const boost::system::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return Refuse(http::status::request_header_fields_too_large, "the header is too large");
  }
  return Refuse(http::status::bad_request, "not an HTTP request");
}

bool DeservesAnswer(const boost::system::error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

}  // namespace usage_ingest::http
