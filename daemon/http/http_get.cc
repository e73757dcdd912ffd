#include "daemon/http/http_get.h"

#include <fmt/format.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>

namespace usage_ingest::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

// /status of a thousand partitions is below a megabyte.
constexpr std::uint64_t kBodyBytesMax = std::uint64_t{16} << 20;

// The address to connect to for one that was listened on.
std::string Reachable(const std::string& host) {
  if (host == "0.0.0.0") return "127.0.0.1";
  return host == "::" ? "::1" : host;
}

// Three asynchronous steps with one deadline.
class Exchange {
 public:
  Exchange(const config::ListenAddress& address, const std::string& path) {
    request_.method(http::verb::get);
    request_.target(path);
    request_.version(11);
    request_.set(http::field::host, address.host);
    request_.keep_alive(false);
    parser_.body_limit(kBodyBytesMax);
    error_code error;
    tcp::resolver resolver(io_);
    endpoints_ = resolver.resolve(Reachable(address.host), std::to_string(address.port), error);
    if (error) outcome_ = error;
  }

  error_code Run(std::chrono::milliseconds timeout) {
    if (outcome_) return *outcome_;
    stream_.expires_after(timeout);
    stream_.async_connect(endpoints_, [this](error_code error, const tcp::endpoint&) {
      if (error) return End(error);
      http::async_write(stream_, request_, [this](error_code write_error, std::size_t) {
        if (write_error) return End(write_error);
        http::async_read(stream_, buffer_, parser_,
                         [this](error_code read_error, std::size_t) { End(read_error); });
      });
    });
    io_.run();
    return outcome_.value_or(beast::error::timeout);
  }

  [[nodiscard]] const http::response<http::string_body>& response() const { return parser_.get(); }

 private:
  void End(error_code error) { outcome_ = error; }

  asio::io_context io_{1};
  beast::tcp_stream stream_{io_};
  beast::flat_buffer buffer_;
  http::request<http::empty_body> request_;
  http::response_parser<http::string_body> parser_;
  tcp::resolver::results_type endpoints_;
  std::optional<error_code> outcome_;
};

}  // namespace

Result<std::string> HttpGet(const config::ListenAddress& address, const std::string& path,
                            std::chrono::milliseconds timeout) {
  const std::string url = fmt::format("http://{}:{}{}", address.host, address.port, path);
  Exchange exchange(address, path);
  if (const error_code error = exchange.Run(timeout)) {
    return Fail(ErrorCode::kUnavailable, fmt::format("{}: {}", url, error.message()));
  }
  const auto& response = exchange.response();
  if (response.result() != http::status::ok) {
    return Fail(ErrorCode::kUnavailable, fmt::format("{}: HTTP {}", url, response.result_int()));
  }
  return response.body();
}

}  // namespace usage_ingest::http
