#include "daemon/http/http_server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <list>
#include <utility>

#include "daemon/http/http_message.h"
#include "daemon/text/user_error.h"
#include "schema/token_bucket.h"

namespace usage_ingest::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
// Until the next try after accept() failed (no descriptors left).
constexpr auto kAcceptRetry = std::chrono::milliseconds(100);
constexpr auto kLinger = std::chrono::seconds(1);
constexpr std::size_t kLingerBytesMax = std::size_t{64} * 1024;

// A burst of one second is answered at once.
TokenBucket::Rate WithBurst(double per_second) { return {per_second, per_second}; }

// One connection.
struct Session {
  explicit Session(tcp::socket socket) : stream(std::move(socket)) {}
  beast::tcp_stream stream;
  beast::flat_buffer buffer{kHeaderBytesMax * 2};  // pipelined requests wait in it
  std::array<char, 1024> scratch{};
  bool waits_for_request = false;
};
using Sessions = std::list<Session>;

void Close(Session& session) {
  boost::system::error_code ignored;  // ignored because a socket that cannot be closed is gone
  session.stream.socket().close(ignored);
}

}  // namespace

struct HttpServer::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::io_context& context, HttpHandler given, HttpLimits bounds)
      : io(context),
        acceptor(context),
        handler(std::move(given)),
        limits(bounds),
        requests(WithBurst(bounds.requests_per_second), TokenBucket::Clock::now()),
        connections(WithBurst(bounds.connections_per_second), TokenBucket::Clock::now()) {}

  void Bind(const config::ListenAddress& address);
  void MakeRoom();
  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(Sessions::iterator session);
  asio::awaitable<bool> AnswerOne(Session& session);
  asio::awaitable<bool> Send(Session& session, Response response);
  asio::awaitable<void> Linger(Session& session);
  asio::awaitable<void> WaitFor(TokenBucket::Clock::duration duration);

  asio::io_context& io;
  tcp::acceptor acceptor;
  HttpHandler handler;
  HttpLimits limits;
  TokenBucket requests;
  TokenBucket connections;
  Sessions sessions;  // oldest wait for a request first
  bool stopped = false;
};

void HttpServer::Impl::Bind(const config::ListenAddress& address) {
  try {
    tcp::resolver resolver(io);
    const auto found =
        resolver.resolve(address.host, std::to_string(address.port), tcp::resolver::passive);
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen();
  } catch (const boost::system::system_error& error) {
    throw text::UserError(text::ExitCode::kUnavailable,
                          {fmt::format("cannot listen: {}", error.code().message()),
                           fmt::format("http.listen = \"{}:{}\"", address.host, address.port),
                           "stop what uses the port, or choose another one"});
  }
}

asio::awaitable<void> HttpServer::Impl::WaitFor(TokenBucket::Clock::duration duration) {
  if (duration.count() <= 0) co_return;
  asio::steady_timer timer(io, duration);
  co_await timer.async_wait(kAwait);
}

// Ends the session that has been waiting longest; its coroutine takes it off the list.
void HttpServer::Impl::MakeRoom() {
  std::size_t open = 0;
  Session* longest = nullptr;
  for (Session& session : sessions) {
    if (!session.stream.socket().is_open()) continue;
    ++open;
    if (longest == nullptr && session.waits_for_request) longest = &session;
  }
  if (open >= limits.connections_max && longest != nullptr) Close(*longest);
}

asio::awaitable<void> HttpServer::Impl::Accept() {
  const auto self = shared_from_this();
  while (!stopped) {
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (stopped) co_return;
    if (error) {
      co_await WaitFor(kAcceptRetry);
      continue;
    }
    MakeRoom();
    // Twice: those that MakeRoom closed are still listed until their coroutine runs.
    if (sessions.size() < 2 * limits.connections_max) {
      sessions.emplace_back(std::move(socket));
      asio::co_spawn(io, Serve(std::prev(sessions.end())), asio::detached);
    }
    co_await WaitFor(connections.Take(TokenBucket::Clock::now()));
  }
}

asio::awaitable<void> HttpServer::Impl::Serve(Sessions::iterator session) {
  const auto self = shared_from_this();
  try {
    for (std::size_t served = 0; served < limits.requests_per_connection_max; ++served) {
      const bool goes_on = co_await AnswerOne(*session);
      if (!goes_on) break;
    }
  } catch (const std::exception& error) {
    spdlog::warn("http: a connection ended by {}", error.what());
  }
  Close(*session);
  sessions.erase(session);
}

asio::awaitable<bool> HttpServer::Impl::AnswerOne(Session& session) {
  RequestParser parser;
  LimitParser(parser);
  const auto position = std::find_if(sessions.begin(), sessions.end(),
                                     [&](const Session& each) { return &each == &session; });
  sessions.splice(sessions.end(), sessions, position);
  session.waits_for_request = true;
  session.stream.expires_after(limits.request_timeout);
  auto [error, bytes] =
      co_await http::async_read_header(session.stream, session.buffer, parser, kAwait);
  session.waits_for_request = false;
  if (error) {
    if (DeservesAnswer(error)) co_await Send(session, RespondToError(error));
    co_return false;
  }
  co_await WaitFor(requests.Take(TokenBucket::Clock::now()));
  if (stopped) co_return false;
  co_return co_await Send(session, Respond(parser, handler));
}

asio::awaitable<bool> HttpServer::Impl::Send(Session& session, Response response) {
  session.stream.expires_after(limits.response_timeout);
  const bool goes_on = response.keep_alive();
  auto [error, bytes] = co_await http::async_write(session.stream, response, kAwait);
  if (error || goes_on) co_return !error;
  co_await Linger(session);
  co_return false;
}

// Closing with unread bytes would reset the connection and take the answer with it (RFC 9112, 9.6).
asio::awaitable<void> HttpServer::Impl::Linger(Session& session) {
  boost::system::error_code ignored;  // ignored because the client may have gone first
  session.stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  session.waits_for_request = true;  // may be closed at any time
  session.stream.expires_after(kLinger);
  for (std::size_t read = 0; read < kLingerBytesMax;) {
    auto [error, bytes] =
        co_await session.stream.async_read_some(asio::buffer(session.scratch), kAwait);
    if (error) co_return;
    read += bytes;
  }
}

HttpServer::HttpServer(asio::io_context& io, const config::ListenAddress& address,
                       HttpHandler handler, HttpLimits limits)
    : impl_(std::make_shared<Impl>(io, std::move(handler), limits)) {
  impl_->Bind(address);
}

HttpServer::~HttpServer() { Stop(); }

void HttpServer::Start() { asio::co_spawn(impl_->io, impl_->Accept(), asio::detached); }

void HttpServer::Stop() {
  if (std::exchange(impl_->stopped, true)) return;
  boost::system::error_code ignored;  // ignored because the port is given back either way
  impl_->acceptor.close(ignored);
  for (Session& session : impl_->sessions) Close(session);
}

std::size_t HttpServer::connections() const { return impl_->sessions.size(); }

std::uint16_t HttpServer::port() const { return impl_->acceptor.local_endpoint().port(); }

}  // namespace usage_ingest::http
