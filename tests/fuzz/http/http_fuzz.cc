// Any bytes as what a client sends: parsed as the server parses them, answered by the real routes.
// Whatever comes, the answer is one of the server's statuses, with its safe headers.
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/error.hpp>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "daemon/http/http_message.h"
#include "daemon/http/http_routes.h"
#include "schema/check.h"

namespace {

using usage_ingest::http::HttpHandler;
using usage_ingest::http::Response;
using usage_ingest::telemetry::Readiness;

const HttpHandler& Handler() {
  static const HttpHandler kHandler =
      usage_ingest::http::MakeRoutes({.metrics = [] { return std::string("m"); },
                                      .readiness = [] { return Readiness{false, "why"}; },
                                      .makes_progress = [] { return true; },
                                      .status_json = [] { return std::string("{}"); }});
  return kHandler;
}

void CheckResponse(const Response& response) {
  static const std::set<unsigned> kStatuses = {200, 400, 404, 405, 413, 431, 503};
  USAGE_INGEST_CHECK(kStatuses.contains(response.result_int()));
  USAGE_INGEST_CHECK(response.count("Content-Security-Policy") == 1);
  USAGE_INGEST_CHECK(response.count("X-Content-Type-Options") == 1);
  USAGE_INGEST_CHECK(response.count("Content-Length") == 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  usage_ingest::http::RequestParser parser;
  usage_ingest::http::LimitParser(parser);
  boost::system::error_code error;
  // ignored because how many bytes were taken does not matter for one request
  static_cast<void>(parser.put(boost::asio::buffer(data, size), error));
  if (parser.is_header_done()) {
    CheckResponse(usage_ingest::http::Respond(parser, Handler()));
  } else if (error && usage_ingest::http::DeservesAnswer(error)) {
    CheckResponse(usage_ingest::http::RespondToError(error));
  }
  return 0;
}
