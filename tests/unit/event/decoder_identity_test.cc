// The same event, however it arrives, has the same id; two events never have.
#include "ingest/event/element_identity.h"
#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::event {
namespace {

class DecoderIdentityTest : public DecodeFixture {
 protected:
  Uuid Id(const std::string& value) { return Row(value).id; }
};

TEST_F(DecoderIdentityTest, IsTheTuple) {
  EXPECT_EQ(Id(EventJson().Text()),
            MakeRowId("chatcmpl-1", {1'795'365'287'721'971}, "success", kHash));
  const Uuid id = Id(EventJson().Text());
  EXPECT_NE(id, Id(EventJson::With("id", R"("chatcmpl-2")")));
  EXPECT_NE(id, Id(EventJson::With("startTime", "1795365287.721972")));
  EXPECT_NE(id, Id(EventJson::With("status", R"("failure")")));
  EventJson other_key;
  other_key.metadata["user_api_key_hash"] = '"' + std::string(64, 'a') + '"';
  EXPECT_NE(id, Id(other_key.Text()));
}

TEST_F(DecoderIdentityTest, DependsOnNothingElse) {
  const Uuid id = Id(EventJson().Text());
  EXPECT_EQ(id, Id(EventJson::With("messages", "[1,2,3]")));
  EXPECT_EQ(id, Id(EventJson::With("startTime", R"("2026-11-22T16:34:47.721971Z")")));
  EXPECT_EQ(id, Id(EventJson::With("litellm_call_id", R"("call-2")")));
  EXPECT_EQ(id, Id(EventJson::With("prompt_tokens", "15")));
  EXPECT_EQ(id, Id('[' + EventJson().Text() + ']'));
  origin_.offset = {43};
  EXPECT_EQ(id, Id(EventJson().Text())) << "read again, from anywhere";
}

TEST_F(DecoderIdentityTest, FallsBackToTheCallId) {
  for (const char* nothing : {"null", R"("")", R"("None")", "NaN"}) {
    EXPECT_EQ(Id(EventJson::With("id", nothing)),
              MakeRowId("call-1", {1'795'365'287'721'971}, "success", kHash));
  }
}

TEST_F(DecoderIdentityTest, FallsBackToThePlace) {
  EventJson event;
  event.top.erase("id");
  event.top.erase("litellm_call_id");
  const auto expected = [](const char* place) {
    return MakeRowId(place, {1'795'365'287'721'971}, "success", kHash);
  };
  EXPECT_EQ(Id(event.Text()), expected("litellm.usage.v1/3/42/0"));
  Decode("[null," + event.Text() + ',' + event.Text() + ']');
  ASSERT_EQ(sink_.events.size(), 2U);
  EXPECT_EQ(sink_.events[0].second.id, expected("litellm.usage.v1/3/42/1"));
  EXPECT_EQ(sink_.events[1].second.id, expected("litellm.usage.v1/3/42/2"));
  // A retried dead letter is element 2 of its record, alone.
  origin_.first_index = 2;
  EXPECT_EQ(Id(event.Text()), expected("litellm.usage.v1/3/42/2"));
}

TEST_F(DecoderIdentityTest, InAFileFallsBackToTheBytes) {
  EventJson event;
  event.top.erase("id");
  event.top.erase("litellm_call_id");
  event.top["messages"] = R"(["the prompt"])";
  origin_.is_import = true;
  const Uuid id = Id(event.Text());
  origin_.offset = {99};  // another line, or another file
  EXPECT_EQ(Id(event.Text()), id);
  // A dead letter keeps no messages, and must be the same event when it is retried.
  EXPECT_EQ(Id(decoder_.DeadLetterPayload(event.Text(), 0)), id);
  event.top["end_user"] = R"("somebody")";
  EXPECT_NE(Id(event.Text()), id);
}

TEST_F(DecoderIdentityTest, IdsAreOrderedByTime) {
  EXPECT_LT(Id(EventJson::With("startTime", "1795365287.721")),
            Id(EventJson::With("startTime", "1795365287.722")));
  const Uuid id = Id(EventJson().Text());
  EXPECT_EQ(id.ToString().substr(0, 13), "01a2041c-3729");
  EXPECT_EQ(id.bytes[6] >> 4, 8) << "version";
  EXPECT_EQ(id.bytes[8] >> 6, 2) << "variant";
}

// The same request as LiteLLM's callback and as LiteLLM's own database tell it.
TEST_F(DecoderIdentityTest, ASpendLogsRowIsTheSameEvent) {
  const std::string row =
      R"({"request_id":"chatcmpl-1","spend":0.000345,"api_key":")" + std::string(kHash) +
      R"(","user":"user-1","team_id":"team-1","startTime":"2026-11-22T16:34:47.721971+00:00",)"
      R"("endTime":"2026-11-22 16:34:48","model":"openai/gpt-4o","model_group":"gpt-4o",)"
      R"("prompt_tokens":14,"completion_tokens":31,"cache_hit":"None","call_type":"acompletion",)"
      R"("metadata":"{\"status\":\"success\"}"})";
  const UsageEvent from_row = Row(row);
  const std::string line_of_row = sink_.lines[0];
  EventJson payload;
  payload.top.erase("litellm_call_id");
  EXPECT_EQ(from_row.id, Id(payload.Text()));
  EXPECT_EQ(line_of_row, sink_.lines[0]);
}

}  // namespace
}  // namespace usage_ingest::event
