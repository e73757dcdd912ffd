#pragma once
// HTTP messages: from a parsed request to the response, the same for the server and the fuzzer.
//
// Boost.Beast parses, this module decides. It does not know sockets, so that tests and the fuzzer
// reach each rule with bytes alone.
//
// Limit         kHeaderBytesMax; a request may have no body.
// Source        RFC 9110, RFC 9112; Boost.Beast 1.81.
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "daemon/http/http_reply.h"

namespace usage_ingest::http {

inline constexpr std::size_t kHeaderBytesMax = std::size_t{8} * 1024;

using RequestParser = boost::beast::http::request_parser<boost::beast::http::empty_body>;
using Response = boost::beast::http::response<boost::beast::http::string_body>;

void LimitParser(RequestParser& parser);

// REQUIRES: the parser has read the header. A HEAD's response has its body's length, but no body.
[[nodiscard]] Response Respond(const RequestParser& parser, const HttpHandler& handler);
// For bytes that are no request: 431 or 400, and the connection ends.
[[nodiscard]] Response RespondToError(const boost::system::error_code& error);
// True when the bytes were wrong, false when the connection just ended.
[[nodiscard]] bool DeservesAnswer(const boost::system::error_code& error);

}  // namespace usage_ingest::http
