// A real server on a real socket: what it answers, and what clients cannot do to it.
#include "daemon/http/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>
#include <vector>

#include "daemon/text/user_error.h"
#include "tests/support/wait.h"
#include "tests/unit/http/raw_client.h"

namespace usage_ingest::http {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

HttpReply Handle(std::string_view path) {
  HttpReply reply;
  reply.body = "path " + std::string(path);
  if (path == "/throw") throw std::runtime_error("broken");
  if (path == "/large") reply.body.assign(8 << 20, 'x');
  if (path == "/none") reply.status = 404;
  return reply;
}

class HttpServerTest : public ::testing::Test {
 protected:
  void Start(HttpLimits limits = {}) {
    server_ =
        std::make_unique<HttpServer>(io_, config::ListenAddress{"127.0.0.1", 0}, Handle, limits);
    server_->Start();
    thread_ = std::jthread([this] { io_.run(); });
  }
  void TearDown() override {
    boost::asio::post(io_, [this] { server_->Stop(); });
    thread_.join();  // ends by itself: nothing is left to do
  }
  [[nodiscard]] RawClient Connect() const { return RawClient(server_->port()); }
  // As the server's thread sees it.
  [[nodiscard]] std::size_t Connections() {
    std::promise<std::size_t> answer;
    boost::asio::post(io_, [&] { answer.set_value(server_->connections()); });
    return answer.get_future().get();
  }
  [[nodiscard]] std::string Exchange(std::string_view request) const {
    const RawClient client = Connect();
    client.Send(request);
    return client.ReadToEnd();
  }

  boost::asio::io_context io_{1};
  std::unique_ptr<HttpServer> server_;
  std::jthread thread_;
};

TEST_F(HttpServerTest, AnswersGetWithSafeHeaders) {
  Start();
  const std::string answer =
      Exchange("GET /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\npath /a"));
  EXPECT_THAT(answer,
              AllOf(HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"),
                    HasSubstr("Content-Length: 7\r\n"), HasSubstr("Cache-Control: no-store\r\n"),
                    HasSubstr("Content-Security-Policy: default-src 'none'"),
                    HasSubstr("X-Content-Type-Options: nosniff\r\n"),
                    HasSubstr("X-Frame-Options: DENY\r\n"),
                    HasSubstr("Referrer-Policy: no-referrer\r\n"), Not(HasSubstr("Server:"))));
}

TEST_F(HttpServerTest, AnswersHeadWithTheLengthButWithoutTheBody) {
  Start();
  const std::string answer = Exchange("HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 7\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, KeepsAConnectionForSeveralAndPipelinedRequests) {
  Start();
  const RawClient client = Connect();
  client.Send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("path /1"), HasSubstr("200 OK"));
  client.Send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadUntil("path /3"), HasSubstr("path /2"));
}

TEST_F(HttpServerTest, Http10ClosesByDefault) {
  Start();
  EXPECT_THAT(Exchange("GET /a HTTP/1.0\r\n\r\n"), EndsWith("path /a"));
}

TEST_F(HttpServerTest, AnAbsoluteTargetIsItsPath) {
  Start();
  EXPECT_THAT(Exchange("GET http://h:1/a?b HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              EndsWith("path /a"));
}

TEST_F(HttpServerTest, PassesOnTheHandlersStatus) {
  Start();
  EXPECT_THAT(Exchange("GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(Exchange("GET /throw HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 500 "));
}

struct BadRequest {
  const char* name;
  const char* bytes;
  const char* status;
};
class BadRequestTest : public HttpServerTest, public ::testing::WithParamInterface<BadRequest> {};

TEST_P(BadRequestTest, IsRefusedAndTheConnectionEnds) {
  Start();
  const std::string answer = Exchange(GetParam().bytes);
  EXPECT_THAT(answer, StartsWith(std::string("HTTP/1.1 ") + GetParam().status));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
}

const BadRequest kBadRequests[] = {
    {"NotHttp", "\x16\x03\x01\x02\x00\x01\r\n\r\n", "400"},
    {"NoVersion", "GET /\r\n\r\n", "400"},
    {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"},
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", "400"},
    {"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
    {"BadField", "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", "400"},
    {"BlankInName", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", "400"},
    {"TwoLengths", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
     "400"},
    {"Post", "POST / HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
    {"Delete", "DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
    {"Made", "FROB / HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
    {"Connect", "CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", "405"},
    {"Body", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "413"},
    {"HugeBody", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", "413"},
    {"Chunked", "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "413"},
};
INSTANTIATE_TEST_SUITE_P(Each, BadRequestTest, ::testing::ValuesIn(kBadRequests),
                         [](const auto& each) { return each.param.name; });

TEST_F(HttpServerTest, RefusesAHeaderLargerThanTheLimit) {
  Start();
  const std::string request =
      "GET / HTTP/1.1\r\nHost: x\r\nCookie: " + std::string(100'000, 'c') + "\r\n\r\n";
  EXPECT_THAT(Exchange(request), StartsWith("HTTP/1.1 431 "));
}

TEST_F(HttpServerTest, TellsTheMethodsThatThereAre) {
  Start();
  EXPECT_THAT(Exchange("PUT / HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("Allow: GET, HEAD\r\n"));
}

TEST_F(HttpServerTest, AClientThatTricklesIsCutOff) {
  Start({.request_timeout = 150ms});
  const RawClient client = Connect();
  const auto begin = std::chrono::steady_clock::now();
  bool open = true;
  while (open && std::chrono::steady_clock::now() - begin < 10s) {
    open = client.Send("G") && !client.ClosesWithin(20ms);
  }
  EXPECT_FALSE(open);
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsCutOff) {
  Start({.response_timeout = 150ms});
  const RawClient slow = Connect();
  slow.Send("GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(Exchange("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              EndsWith("path /a"));
  EXPECT_TRUE(support::WaitUntil(support::After(10s), [this] { return Connections() == 0; }));
  EXPECT_LT(slow.ReadToEnd().size(), 8u << 20);
}

TEST_F(HttpServerTest, ACrowdOfIdleClientsCannotKeepAnotherOut) {
  Start({.connections_max = 8, .request_timeout = 60s, .connections_per_second = 10'000});
  std::vector<RawClient> crowd;
  for (int i = 0; i < 40; ++i) {
    crowd.push_back(Connect());
    crowd.back().Send("GET /");
  }
  EXPECT_THAT(Exchange("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              EndsWith("path /a"));
  EXPECT_TRUE(crowd.front().ClosesWithin(10s));  // the oldest made room
}

TEST_F(HttpServerTest, AFloodIsServedAtABoundedRate) {
  Start({.requests_per_second = 50});
  const RawClient client = Connect();
  std::string requests;
  for (int i = 0; i < 75; ++i) requests += "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
  requests += "GET /last HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto begin = std::chrono::steady_clock::now();
  client.Send(requests);
  static_cast<void>(client.ReadUntil("path /last"));  // ignored: only when it came matters
  // 50 at once, the other 26 at 50 a second.
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 400ms);
}

TEST_F(HttpServerTest, AConnectionIsServedForALimitedTime) {
  Start({.requests_per_connection_max = 3});
  std::string requests;
  for (int i = 0; i < 10; ++i) {
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  }
  EXPECT_THAT(Exchange(requests), EndsWith("path /2"));
}

TEST_F(HttpServerTest, APortInUseIsSaidWithTheFix) {
  Start();
  try {
    HttpServer second(io_, {"127.0.0.1", server_->port()}, Handle);
    FAIL() << "did not throw";
  } catch (const text::UserError& error) {
    EXPECT_EQ(error.code(), text::ExitCode::kUnavailable);
    EXPECT_THAT(error.problem().where, HasSubstr("http.listen"));
  }
}

}  // namespace
}  // namespace usage_ingest::http
