#include "daemon/http/http_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/http/status_page.h"

namespace usage_ingest::http {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class HttpRoutesTest : public ::testing::Test {
 protected:
  telemetry::Readiness readiness_{false, "the group is not joined"};
  bool makes_progress_ = true;
  std::chrono::steady_clock::time_point now_;
  int rendered_ = 0;
  HttpHandler handler_ =
      MakeRoutes({.metrics = [this] { return "m" + std::to_string(++rendered_); },
                  .readiness = [this] { return readiness_; },
                  .makes_progress = [this] { return makes_progress_; },
                  .status_json = [] { return std::string("{}"); },
                  .clock = [this] { return now_; }});
};

TEST_F(HttpRoutesTest, HealthIsAliveWhateverReadinessSays) {
  EXPECT_EQ(handler_("/healthz").status, 200u);
  EXPECT_EQ(handler_("/readyz").status, 503u);
  EXPECT_EQ(handler_("/readyz").body, "the group is not joined\n");
  readiness_ = {true, ""};
  EXPECT_EQ(handler_("/readyz").status, 200u);
}

TEST_F(HttpRoutesTest, LivezIsTheConditionOfTheWatchdog) {
  EXPECT_EQ(handler_("/livez").status, 200u) << "not ready, but alive";
  makes_progress_ = false;
  EXPECT_EQ(handler_("/livez").status, 503u);
  EXPECT_EQ(handler_("/livez").body, "a lane has work and makes no progress\n");
  EXPECT_EQ(handler_("/healthz").status, 200u);
}

TEST_F(HttpRoutesTest, MetricsAreRenderedOnceForManyReaders) {
  EXPECT_EQ(handler_("/metrics").content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(handler_("/metrics").body, "m1");
  now_ += kKeptFor;
  EXPECT_EQ(handler_("/metrics").body, "m2");
}

TEST_F(HttpRoutesTest, WhatIsNotThereIs404) {
  for (const auto* path : {"", "/metrics/", "/Metrics", "/../etc/passwd", "*"}) {
    EXPECT_EQ(handler_(path).status, 404u) << path;
  }
}

TEST_F(HttpRoutesTest, ThePageIsSelfContainedAndMayRunOnlyItsOwnScript) {
  const HttpReply page = handler_("/");
  EXPECT_EQ(page.content_type, "text/html; charset=utf-8");
  EXPECT_THAT(page.body, Not(HasSubstr("src=")));
  EXPECT_THAT(page.body, Not(HasSubstr("innerHTML")));
  EXPECT_THAT(page.body, Not(HasSubstr("@import")));
  EXPECT_THAT(page.security_policy,
              MatchesRegex("default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; script-src "
                           "'sha256-[A-Za-z0-9+/]{43}='; connect-src 'self'; img-src data:; .*"));
  EXPECT_THAT(page.security_policy, Not(HasSubstr("unsafe")));
}

TEST(StatusPageTest, ThePolicyNamesTheHashOfTheText) {
  // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
  EXPECT_THAT(PolicyFor("<style>a</style><script>alert(1)</script>"),
              HasSubstr("script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"));
}

}  // namespace
}  // namespace usage_ingest::http
