// SpendLogs rows: docs/events.md, "SpendLogs rows".
#include <gmock/gmock.h>

#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::event {
namespace {

using testing::HasSubstr;
using testing::Not;

class SpendLogsTest : public DecodeFixture {
 protected:
  static EventJson::Members Base() {
    return {{"request_id", R"("req-1")"},
            {"spend", "0.5"},
            {"api_key", '"' + std::string(kHash) + '"'},
            {"user", R"("user-1")"},
            {"team_id", R"("team-1")"},
            {"startTime", R"("2026-11-22T16:34:47.721Z")"},
            {"model", R"("gpt-4o")"},
            {"prompt_tokens", "3"},
            {"completion_tokens", "4"}};
  }
  UsageEvent RowWith(const std::string& key, const std::string& value) {
    EventJson::Members members = Base();
    members[key] = value;
    return Row(EventJson::Object(members));
  }
  // The text of a JSON object as a JSON text.
  static std::string Quoted(std::string_view json) {
    std::string text = "\"";
    for (const char c : json) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    return text + '"';
  }
};

TEST_F(SpendLogsTest, ColumnsHaveOtherNames) {
  const UsageEvent row = Row(EventJson::Object(Base()));
  EXPECT_EQ(row.litellm_request_id, "req-1");
  EXPECT_EQ(row.input_cost.value, 500'000);
  EXPECT_EQ(row.key_hash, kHash);
  EXPECT_EQ(row.user_id, "user-1");
  EXPECT_EQ(row.team_id, "team-1");
  EXPECT_EQ(row.created_at.value, 1'795'365'287'721'000);
  EXPECT_EQ(row.total_tokens(), 7);
}

TEST_F(SpendLogsTest, NeedsBothOfItsNames) {
  EventJson::Members members = Base();
  members.erase("spend");
  EXPECT_EQ(Row(EventJson::Object(members)).litellm_request_id, "");
  members = Base();
  members.erase("request_id");
  EXPECT_EQ(Row(EventJson::Object(members)).input_cost.value, 0);
  EXPECT_EQ(RowWith("spend", "null").litellm_request_id, "req-1") << "null is there";
}

TEST_F(SpendLogsTest, CacheHitIsText) {
  EXPECT_THAT(RowWith("cache_hit", R"("True")").metadata_json, HasSubstr(R"("cache_hit":true)"));
  EXPECT_THAT(RowWith("cache_hit", R"("None")").metadata_json, Not(HasSubstr("cache_hit")));
  EXPECT_EQ(RowWith("cache_hit", R"("True")").input_cost.value, 500'000) << "what LiteLLM bills";
}

TEST_F(SpendLogsTest, MetadataIsTextOrAnObject) {
  const std::string told =
      R"({"status":"failure","error_information":{"error_code":"429","error_class":"RateLimitError",)"
      R"("error_message":"slow \"down\""},"cost_breakdown":{"output_cost":0.2},)"
      R"("usage_object":{"prompt_tokens_details":{"cached_tokens":2}}})";
  for (const std::string& metadata : {Quoted(told), told}) {
    const UsageEvent row = RowWith("metadata", metadata);
    EXPECT_EQ(row.status_code, 429) << metadata;
    EXPECT_EQ(row.error_message, "slow \"down\"");
    EXPECT_EQ(row.output_cost.value, 200'000);
    EXPECT_EQ(row.metadata_json,
              R"({"model":"gpt-4o","cost":0.5,"cached_tokens":2,"error_class":"RateLimitError"})");
  }
}

TEST_F(SpendLogsTest, TheColumnsSayWho) {
  const UsageEvent row =
      RowWith("metadata",
              R"({"user_api_key_hash":"x","user_api_key_user_id":"y","user_api_key_team_id":"z"})");
  EXPECT_EQ(row.key_hash, kHash);
  EXPECT_EQ(row.user_id, "user-1");
  EXPECT_EQ(row.team_id, "team-1");
}

TEST_F(SpendLogsTest, InternalByAlias) {
  EventJson::Members members = Base();
  for (const char* alias : {"user_api_key_alias", "user_api_key_team_alias"}) {
    members["metadata"] = Quoted('{' + ('"' + std::string(alias)) + R"(":"litellm-cli"})");
    EXPECT_EQ(Outcomes(EventJson::Object(members)), "internal") << alias;
  }
  members = Base();
  members["api_key"] = R"("litellm-internal-health-check")";
  EXPECT_EQ(Outcomes(EventJson::Object(members)), "internal");
}

TEST_F(SpendLogsTest, MetadataThatCannotBeReadIsAsIfAbsent) {
  for (const char* text : {R"("")", R"("{}")", R"("{")", R"("[1]")", R"("not json")", "null"}) {
    EXPECT_EQ(RowWith("metadata", text).status_code, 200) << text;
  }
  EventJson::Members members = Base();
  members["metadata"] = "5";
  EXPECT_EQ(Outcomes(EventJson::Object(members)), "invalid_field");
}

// A torn metadata text must leave nothing of itself behind.
TEST_F(SpendLogsTest, HalfAMetadataTextIsNone) {
  EXPECT_EQ(
      RowWith("metadata", Quoted(R"({"status":"failure","error_information":{"error_code":"429"})"))
          .status_code,
      200);
}

TEST_F(SpendLogsTest, StatusColumnOfNewerVersions) {
  EXPECT_EQ(RowWith("status", R"("failure")").status_code, 500);
  EventJson::Members members = Base();
  members["status"] = R"("failure")";
  members["metadata"] = Quoted(R"({"status":"success"})");
  EXPECT_EQ(Row(EventJson::Object(members)).status_code, 200) << "the metadata says it first";
}

TEST_F(SpendLogsTest, RawKeysAreNoHash) {
  const UsageEvent row = RowWith("api_key", R"("cap-plain-key-9999")");
  EXPECT_EQ(row.key_hash, "");
  EXPECT_EQ(RowWith("api_key", R"("litellm_proxy_master_key")").is_master_key, true);
}

}  // namespace
}  // namespace usage_ingest::event
