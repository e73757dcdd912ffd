#include "ingest/event/kept_texts.h"

#include <gtest/gtest.h>

#include <string>

namespace usage_ingest::event {
namespace {

UsageEvent EventOf(std::string_view key, std::string_view user, std::string_view team) {
  UsageEvent event;
  event.model_id = "a model";
  event.litellm_request_id = "a request";
  event.error_message = "an error";
  event.key_hash = key;
  event.user_id = user;
  event.team_id = team;
  return event;
}

TEST(KeepTextsTest, TheTextsOutliveTheRecord) {
  Arena arena;
  std::string record = "keyuserteam";
  const std::string_view view = record;
  UsageEvent event = EventOf(view.substr(0, 3), view.substr(3, 4), view.substr(7));
  KeepTexts(event, arena);
  record.assign(record.size(), '#');
  EXPECT_EQ(event.key_hash, "key");
  EXPECT_EQ(event.user_id, "user");
  EXPECT_EQ(event.team_id, "team");
  EXPECT_EQ(event.model_id, "a model");
  EXPECT_EQ(event.litellm_request_id, "a request");
  EXPECT_EQ(event.error_message, "an error");
}

TEST(KeepTextsTest, TwoEventsOfAnOwnerShareItsTextsAndTheModel) {
  Arena arena;
  UsageEvent first = EventOf("key", "user", "");
  UsageEvent second = EventOf("key", "user", "");
  KeepTexts(first, arena);
  KeepTexts(second, arena);
  EXPECT_EQ(first.key_hash.data(), second.key_hash.data());
  EXPECT_EQ(first.user_id.data(), second.user_id.data());
  EXPECT_EQ(first.model_id.data(), second.model_id.data());
  EXPECT_NE(first.litellm_request_id.data(), second.litellm_request_id.data());
}

TEST(KeepTextsTest, OwnersWhoseTextsAreEqualInARowStayDifferent) {
  Arena arena;
  UsageEvent first = EventOf("", "ab", "c");
  UsageEvent second = EventOf("", "a", "bc");
  KeepTexts(first, arena);
  KeepTexts(second, arena);
  EXPECT_EQ(first.user_id, "ab");
  EXPECT_EQ(first.team_id, "c");
  EXPECT_EQ(second.user_id, "a");
  EXPECT_EQ(second.team_id, "bc");
}

TEST(KeepTextsTest, AnAbsentOwnerStaysAbsent) {
  Arena arena;
  UsageEvent event = EventOf("", "", "");
  KeepTexts(event, arena);
  EXPECT_TRUE(event.key_hash.empty() && event.user_id.empty() && event.team_id.empty());
}

}  // namespace
}  // namespace usage_ingest::event
