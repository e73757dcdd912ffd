#include "daemon/progress/status_url.h"

#include <gtest/gtest.h>

namespace usage_ingest::progress {
namespace {

StatusUrl Url(std::string host, std::uint16_t port, std::string path) {
  return {.address = {std::move(host), port}, .path = std::move(path)};
}

TEST(StatusUrlTest, IsTheAddressThatABrowserShows) {
  EXPECT_EQ(ParseStatusUrl("http://ingest-2:19464"), Url("ingest-2", 19464, "/status"));
  EXPECT_EQ(ParseStatusUrl("http://ingest-2:19464/"), Url("ingest-2", 19464, "/status"));
  EXPECT_EQ(ParseStatusUrl("http://10.0.0.7:19464/status"), Url("10.0.0.7", 19464, "/status"));
  EXPECT_EQ(ParseStatusUrl("http://[::1]:19464/"), Url("::1", 19464, "/status"));
  EXPECT_EQ(ParseStatusUrl("http://[::1]"), Url("::1", 80, "/status"));
}

TEST(StatusUrlTest, MayHaveThePathOfAProxy) {
  EXPECT_EQ(ParseStatusUrl("http://ops/usage"), Url("ops", 80, "/usage/status"));
  EXPECT_EQ(ParseStatusUrl("http://ops/a/usage/"), Url("ops", 80, "/a/usage/status"));
}

TEST(StatusUrlTest, AnythingElseIsRefused) {
  for (const auto* url : {"", "http://", "ingest-2:19464", "https://ingest-2/", "http://host:0/",
                          "http://host:70000/", "http://host:/", "http://:19464/", "http://[::1",
                          "http://[::1]x", "http://[]:1/", "http://a b/", "http://user@host/",
                          "http://host/?q", "http://host/\r\nX: y"}) {
    EXPECT_EQ(ParseStatusUrl(url), std::nullopt) << url;
  }
}

}  // namespace
}  // namespace usage_ingest::progress
