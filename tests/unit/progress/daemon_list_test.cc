#include "daemon/progress/daemon_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <sstream>

namespace usage_ingest::progress {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ListedDaemon Answered(std::string url, const std::string& json) {
  return {.url = std::move(url),
          .answer = {.text = json, .json = boost::json::parse(json).as_object(), .error = {}}};
}

ListedDaemon Tenant(std::string url, const std::string& totals) {
  return Answered(std::move(url),
                  R"({"ready":true,"reason":"","group_id":"g","partitions":[{},{}],)"
                  R"("dead_letters":{"pending":1},"totals":)" +
                      totals + "}");
}

const std::string kOne =
    R"({"lag_records":7,"lag_seconds":9,"catch_up_seconds":60,"rate":1.5,"batches":4})";
const std::string kOther =
    R"({"lag_records":5,"lag_seconds":2,"catch_up_seconds":0,"rate":2.5,"batches":6})";
const std::string kUnknownLag =
    R"({"lag_records":null,"lag_seconds":null,"catch_up_seconds":null,"rate":1,"batches":1})";

std::string Printed(const std::vector<ListedDaemon>& daemons) {
  std::ostringstream out;
  PrintDaemons(out, daemons);
  return out.str();
}

TEST(DaemonListTest, LagAndRateAreSumsAndDelaysAreTheWorst) {
  const std::vector<ListedDaemon> daemons = {Tenant("http://a/", kOne),
                                             Tenant("http://b/", kOther)};
  EXPECT_EQ(boost::json::serialize(SumOf(daemons)),
            R"({"lag_records":1.2E1,"rate":4E0,"batches":1E1,"lag_seconds":9E0,)"
            R"("catch_up_seconds":6E1})");
  const std::string text = Printed(daemons);
  EXPECT_THAT(text, HasSubstr("\nhttp://b/"));
  EXPECT_THAT(text, HasSubstr("2 of 2 ready"));
}

TEST(DaemonListTest, TheSumOfWhatIsUnknownIsUnknown) {
  const ListedDaemon silent{.url = "http://c/",
                            .answer = {.text = {}, .json = {}, .error = "connection refused"}};
  for (const ListedDaemon& other : {Tenant("http://b/", kUnknownLag), silent}) {
    const std::vector<ListedDaemon> daemons = {Tenant("http://a/", kOne), other};
    EXPECT_TRUE(SumOf(daemons).at("lag_records").is_null());
    EXPECT_TRUE(SumOf(daemons).at("lag_seconds").is_null());
  }
  const std::string text = Printed({Tenant("http://a/", kOne), silent});
  EXPECT_THAT(text, HasSubstr("1 of 2 ready"));
  EXPECT_THAT(text, HasSubstr("http://c/  does not answer: connection refused\n"));
}

TEST(DaemonListTest, ReasonsFollowBelowAndCannotChangeTheTerminal) {
  const std::string text = Printed(
      {Answered("http://a/", R"({"ready":false,"reason":"one\n\u001b[2Jtwo","totals":{}})")});
  EXPECT_THAT(text, HasSubstr("waiting"));
  EXPECT_THAT(text, HasSubstr("http://a/  one\nhttp://a/  ?[2Jtwo\n"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace usage_ingest::progress
