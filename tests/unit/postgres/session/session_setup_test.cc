// The settings of a session: the two uses differ in time-outs only, and time-outs have one
// spelling.
#include "ingest/postgres/session/session_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

namespace usage_ingest::postgres::session {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// Time-outs, which are the only difference.
std::string WithoutTimeouts(const std::string& set_up) {
  return std::regex_replace(set_up, std::regex("SET (lock|statement)_timeout = '[0-9]+ms'; "), "");
}

TEST(SessionSetUpTest, LanesAndCommandsDifferInTimeoutsOnly) {
  const std::string lane = SessionSetUp(SessionUse::kLane);
  const std::string command = SessionSetUp(SessionUse::kCommand);
  EXPECT_NE(lane, command);
  EXPECT_EQ(WithoutTimeouts(lane), WithoutTimeouts(command));
  EXPECT_THAT(lane, HasSubstr("SET lock_timeout = '250ms'; SET statement_timeout = '12000ms'"));
  EXPECT_THAT(command, HasSubstr("SET lock_timeout = '0ms'; SET statement_timeout = '0ms'"));
}

TEST(SessionSetUpTest, ALockTimeoutIsForTheTransactionUnlessSaidOtherwise) {
  EXPECT_EQ(SetLockTimeout(80ms), "SET LOCAL lock_timeout = '80ms'");
  EXPECT_EQ(SetLockTimeout(3s, SettingScope::kSession), "SET lock_timeout = '3000ms'");
}

TEST(SessionSetUpTest, OnlyEnglishMessagesAreRead) {
  for (const char* english : {"C", "POSIX", "C.UTF-8", "en_US.utf8", "en-US", "English_World"}) {
    EXPECT_EQ(LanguageOf(english), MessageLanguage::kEnglish) << english;
  }
  for (const char* unknown : {"", "fr_FR.utf8", "ja_JP.utf8", "Cornish", "default"}) {
    EXPECT_EQ(LanguageOf(unknown), MessageLanguage::kUnknown) << unknown;
  }
}

TEST(ConnectKeywordsTest, TheConninfoOverridesOurDefaultsAndTheNameOverridesTheConninfo) {
  const ConnectKeywords connect("host=db connect_timeout=9", "usage-ingestd/test");
  std::vector<std::string> order;
  for (const char* const* keyword = connect.keywords(); *keyword != nullptr; ++keyword) {
    order.emplace_back(*keyword);
  }
  EXPECT_EQ(order[order.size() - 2], "dbname");
  EXPECT_EQ(order.back(), "application_name");
  EXPECT_STREQ(connect.values()[order.size() - 2], "host=db connect_timeout=9");
  EXPECT_STREQ(connect.values()[order.size() - 1], "usage-ingestd/test");
}

}  // namespace
}  // namespace usage_ingest::postgres::session
