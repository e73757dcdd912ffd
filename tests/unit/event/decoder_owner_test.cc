// Whose event it is, as far as it says: skips, keys and secrets of docs/events.md.
#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::event {
namespace {

class DecoderOwnerTest : public DecodeFixture {
 protected:
  static std::string WithMetadata(const std::string& key, const std::string& value) {
    EventJson event;
    event.metadata[key] = value;
    return event.Text();
  }
  static std::string WithKey(const std::string& key) {
    return WithMetadata("user_api_key_hash", '"' + key + '"');
  }
};

TEST_F(DecoderOwnerTest, TellsWhatAttributionAsksWith) {
  const UsageEvent row = Row(EventJson().Text());
  EXPECT_EQ(row.key_hash, kHash);
  EXPECT_EQ(row.user_id, "user-1");
  EXPECT_EQ(row.team_id, "team-1");
  EXPECT_FALSE(row.is_master_key);
}

TEST_F(DecoderOwnerTest, HashesAreInLowerCase) {
  std::string upper(kHash);
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  EXPECT_EQ(Row(WithKey(upper)).key_hash, kHash);
  EXPECT_EQ(Row(WithKey(upper)).id, Row(WithKey(std::string(kHash))).id);
}

TEST_F(DecoderOwnerTest, TheMasterKeyIsMarked) {
  const UsageEvent row = Row(WithKey("litellm_proxy_master_key"));
  EXPECT_TRUE(row.is_master_key);
  EXPECT_EQ(row.key_hash, "");
}

TEST_F(DecoderOwnerTest, InternalTrafficIsSkipped) {
  for (const char* word :
       {"litellm-internal-health-check", "litellm_internal_jobs", "litellm-cli"}) {
    for (const char* key : {"user_api_key_hash", "user_api_key_alias", "user_api_key_team_id",
                            "user_api_key_team_alias"}) {
      EXPECT_EQ(Outcomes(WithMetadata(key, '"' + std::string(word) + '"')), "internal")
          << key << word;
    }
    EXPECT_EQ(Outcomes(WithMetadata("user_api_key_user_id", '"' + std::string(word) + '"')), "row");
  }
  EXPECT_EQ(Outcomes(WithMetadata("user_api_key_alias", R"("litellm-clip")")), "row");
}

// In the contract's order: a skip is decided before any field is looked at.
TEST_F(DecoderOwnerTest, SkipsComeBeforeFields) {
  EventJson event;
  event.metadata["user_api_key_alias"] = R"("litellm-cli")";
  event.top["startTime"] = "[]";
  event.top["prompt_tokens"] = "-1";
  event.top["id"] = "{}";
  EXPECT_EQ(Outcomes(event.Text()), "internal");
}

TEST_F(DecoderOwnerTest, UsageIsTokensOrCost) {
  EventJson event;
  EXPECT_TRUE(Row(event.Text()).has_usage());
  event.top["prompt_tokens"] = event.top["completion_tokens"] = "0";
  EXPECT_TRUE(Row(event.Text()).has_usage()) << "audio costs without tokens";
  event.top["response_cost"] = "4e-7";
  EXPECT_FALSE(Row(event.Text()).has_usage()) << "after rounding";
}

constexpr const char* kRaw = "cap-plain-key-9999";

TEST_F(DecoderOwnerTest, ARawKeyIsAsIfAbsent) {
  for (const std::string& key :
       {std::string(kRaw), std::string("short"), std::string(kHash.substr(1)),
        std::string(kHash) + '0', std::string(63, 'a') + 'g'}) {
    EventJson event;
    event.metadata["user_api_key_hash"] = '"' + key + '"';
    const UsageEvent row = Row(event.Text());
    EXPECT_EQ(row.key_hash, "") << key;
    event.metadata.erase("user_api_key_hash");
    EXPECT_EQ(row.id, Row(event.Text()).id) << "nothing of it is in the id either";
  }
  for (const char* other : {"null", R"("")", R"("None")", "5", "[]"}) {
    EXPECT_EQ(Row(WithMetadata("user_api_key_hash", other)).key_hash, "") << other;
  }
}

TEST_F(DecoderOwnerTest, ARawKeyIsNowhereInTheRow) {
  EventJson event;
  event.metadata["user_api_key_hash"] = '"' + std::string(kRaw) + '"';
  event.top["error_str"] = R"("bad key cap-plain-key-9999, cap-plain-key-9999!")";
  event.top["end_user"] = R"("cap-plain-key-9999")";
  event.top["request_tags"] = R"(["x","key=cap-plain-key-9999"])";
  Decode(event.Text());
  ASSERT_EQ(sink_.lines.size(), 1U);
  EXPECT_EQ(sink_.lines[0].find(kRaw), std::string::npos) << sink_.lines[0];
  EXPECT_EQ(sink_.events[0].second.error_message, "bad key [redacted], [redacted]!");
  EXPECT_NE(sink_.lines[0].find(R"("tags":["x","[redacted]"])"), std::string::npos);
}

// Anything that is not linear would be noticed by ctest's limit of ten minutes.
TEST_F(DecoderOwnerTest, ARawKeyToldAMillionTimesCostsWhatItsSizeCosts) {
  std::string told;
  for (int i = 0; i < 1'000'000; ++i) told += "rawkey12";
  EventJson event;
  event.metadata["user_api_key_hash"] = R"("rawkey12")";
  event.top["error_str"] = '"' + told + '"';
  EXPECT_EQ(Row(event.Text()).error_message.substr(0, 20), "[redacted][redacted]");
}

TEST_F(DecoderOwnerTest, ARawKeyIsInNoRejection) {
  EventJson event;
  event.metadata["user_api_key_hash"] = '"' + std::string(kRaw) + '"';
  event.top["prompt_tokens"] = "-1";
  Decode(event.Text());
  ASSERT_EQ(sink_.rejections.size(), 1U);
  EXPECT_EQ(sink_.lines[0].find(kRaw), std::string::npos);
  EXPECT_EQ(decoder_.DeadLetterPayload(event.Text(), 0).find(kRaw), std::string::npos);
}

}  // namespace
}  // namespace usage_ingest::event
