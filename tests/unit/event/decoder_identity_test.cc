// The same event, however it arrives, has the same id; two events never have.
#include "ingest/event/element_identity.h"
#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::event {
namespace {

class DecoderIdentityTest : public DecodeFixture {
 protected:
  static constexpr std::int64_t kStartMs = 1'795'365'287'721;
  static constexpr std::int64_t kEndMs = 1'795'365'288'000;

  Uuid Id(const std::string& value) { return Row(value).id; }
  static Uuid Expected(std::string_view id) {
    return MakeRowId(
        {.id = id, .kind = "success", .start_ms = kStartMs, .end_ms = kEndMs, .user_id = "user-1"});
  }
};

TEST_F(DecoderIdentityTest, IsTheTuple) {
  EXPECT_EQ(Id(EventJson().Text()), MakeRowId({.id = "chatcmpl-1",
                                               .kind = "success",
                                               .start_ms = kStartMs,
                                               .end_ms = kEndMs,
                                               .user_id = "user-1"}));
  const Uuid id = Id(EventJson().Text());
  EXPECT_NE(id, Id(EventJson::With("id", R"("chatcmpl-2")")));
  EXPECT_NE(id, Id(EventJson::With("startTime", "1795365287.722")));
  EXPECT_NE(id, Id(EventJson::With("endTime", "1795365288.001")));
  EXPECT_NE(id, Id(EventJson::With("status", R"("failure")")));
  EventJson other_user;
  other_user.metadata["user_api_key_user_id"] = R"("user-2")";
  EXPECT_NE(id, Id(other_user.Text())) << "upstreams repeat ids";
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
    EXPECT_EQ(Id(EventJson::With("id", nothing)), Expected("call-1"));
  }
}

TEST_F(DecoderIdentityTest, FallsBackToThePlace) {
  EventJson event;
  event.top.erase("id");
  event.top.erase("litellm_call_id");
  EXPECT_EQ(Id(event.Text()), Expected("litellm.usage.v1/3/42/0"));
  Decode("[null," + event.Text() + ',' + event.Text() + ']');
  ASSERT_EQ(sink_.events.size(), 2U);
  EXPECT_EQ(sink_.events[0].second.id, Expected("litellm.usage.v1/3/42/1"));
  EXPECT_EQ(sink_.events[1].second.id, Expected("litellm.usage.v1/3/42/2"));
  // A retried dead letter is element 2 of its record, alone.
  origin_.first_index = 2;
  EXPECT_EQ(Id(event.Text()), Expected("litellm.usage.v1/3/42/2"));
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

// LiteLLM's table has TIMESTAMP(3), and its client cuts.
TEST_F(DecoderIdentityTest, MicrosecondsAreCut) {
  const UsageEvent row = Row(EventJson::With("startTime", "1795365287.721999"));
  EXPECT_EQ(row.id, Id(EventJson::With("startTime", "1795365287.721")));
  EXPECT_EQ(row.created_at.value, kStartMs * 1000) << "half of the primary key";
  EXPECT_EQ(Id(EventJson::With("endTime", "1795365288.000999")), Id(EventJson().Text()));
}

// The same request as the callback sends it and as LiteLLM's database has it.
class SameCallTest : public DecoderIdentityTest {
 protected:
  // `api_key`, times and id are what LiteLLM's database has of EventJson().
  static std::string SpendLogsRow(const std::string& request_id, const std::string& api_key) {
    return R"({"request_id":")" + request_id + R"(","spend":0.000345,"api_key":")" + api_key +
           R"(","user":"user-1","team_id":"team-1","startTime":"2026-11-22T16:34:47.721",)"
           R"("endTime":"2026-11-22 16:34:48","model":"openai/gpt-4o","model_group":"gpt-4o",)"
           R"("prompt_tokens":14,"completion_tokens":31,"cache_hit":"None",)"
           R"("call_type":"acompletion","metadata":"{\"status\":\"success\"}"})";
  }
};

TEST_F(SameCallTest, ASpendLogsRowIsTheSameEvent) {
  const UsageEvent from_row = Row(SpendLogsRow("chatcmpl-1", std::string(kHash)));
  const UsageEvent from_callback = Row(EventJson().Text());
  EXPECT_EQ(from_row.id, from_callback.id);
  EXPECT_EQ(from_row.created_at, from_callback.created_at);
}

TEST_F(SameCallTest, AKeyThatIsHashedTwiceIsTheSameEvent) {
  EXPECT_EQ(Id(SpendLogsRow("chatcmpl-1", std::string(64, 'b'))), Id(EventJson().Text()));
}

TEST_F(SameCallTest, EachCopyOfACacheHitHasAnotherTimeInItsId) {
  const Uuid id = Id(EventJson::With("id", R"("chatcmpl-1_cache_hit1795365287.73")"));
  EXPECT_EQ(id, Id(SpendLogsRow("chatcmpl-1_cache_hit1795365288.0012", std::string(kHash))));
  EXPECT_EQ(id, Id(EventJson().Text()));
  EXPECT_NE(id, Id(EventJson::With("id", R"("chatcmpl-1_cache_hit")")));
  EXPECT_NE(id, Id(EventJson::With("id", R"("chatcmpl-1_cache_hit12x")")));
}

// LiteLLM's row of a failed request begins with the request, the event with the first attempt.
TEST_F(SameCallTest, AFailureBeginsWithItsRequest) {
  EventJson event;
  event.top["id"] = R"("call-1")";
  event.top["status"] = R"("failure")";
  event.metadata["request_start"] = "1795365287.721123";
  event.top["startTime"] = "1795365287.9";
  std::string row = SpendLogsRow("call-1", std::string(kHash));
  row.replace(row.find("success"), 7, "failure");
  row.replace(row.find("16:34:48"), 8, "16:34:59");
  EXPECT_EQ(Row(event.Text()).id, Id(row));
  EXPECT_EQ(Row(event.Text()).created_at, Row(row).created_at);
  EXPECT_EQ(Row(event.Text()).latency_ms, 100) << "of the attempt";
}

class JobTest : public DecoderIdentityTest {
 protected:
  JobTest() {
    event_.top["call_type"] = R"("aretrieve_batch")";
    event_.top["id"] = R"("batch_1")";
  }
  EventJson event_;
};

TEST_F(JobTest, EachPollOfABatchIsTheSameEvent) {
  const UsageEvent first = Row(event_.Text());
  EXPECT_TRUE(first.is_job);
  EXPECT_EQ(first.id, MakeRowId({.id = "batch_1", .kind = "job", .user_id = "user-1"}));
  event_.top["startTime"] = "1795366287";
  event_.top["endTime"] = "1795366288";
  event_.top["litellm_call_id"] = R"("call-2")";
  EXPECT_EQ(Id(event_.Text()), first.id);
  event_.top["id"] = R"("batch_1_batch_cost")";
  EXPECT_EQ(Id(event_.Text()), first.id) << "as SpendLogs names it";
  event_.top["id"] = R"("batch_2")";
  EXPECT_NE(Id(event_.Text()), first.id);
}

TEST_F(JobTest, APollBeforeTheEndIsSkipped) {
  for (const char* call_type : {"aretrieve_batch", "avideo_status", "aget_responses"}) {
    event_.top["call_type"] = '"' + std::string(call_type) + '"';
    event_.top["response_cost"] = "0.0";
    event_.top["prompt_tokens"] = event_.top["completion_tokens"] = "0";
    EXPECT_EQ(Outcomes(event_.Text()), "poll") << call_type;
    event_.top["status"] = R"("failure")";
    EXPECT_EQ(Outcomes(event_.Text()), "row") << "a failed request is not a poll";
    event_.top["status"] = R"("success")";
  }
}

TEST_F(JobTest, ARetrievedResponseCountsOnceUnderThePublicModel) {
  event_.top["call_type"] = R"("aget_responses")";
  event_.top["model_group"] = event_.top["model_id"] = R"("dddddddd")";
  event_.top["custom_llm_provider"] = R"("openai")";
  event_.top["id"] = R"("resp_enc0")";
  const UsageEvent first = Row(event_.Text());
  EXPECT_EQ(first.model_id, "gpt-4o");
  EXPECT_TRUE(first.is_job);
  event_.top["id"] = R"("resp_enc1")";
  event_.top["startTime"] = "1795366287";
  EXPECT_EQ(Id(event_.Text()), first.id);
  event_.top["prompt_tokens"] = "15";
  EXPECT_NE(Id(event_.Text()), first.id);
  event_.top["response_cost"] = "0";
  EXPECT_EQ(Outcomes(event_.Text()), "poll") << "billed to the call that created it";
}

TEST_F(JobTest, LiteLlmsBillOfABackgroundResponse) {
  event_.top["call_type"] = R"("aget_responses")";
  event_.top["id"] = R"("resp_1")";
  event_.metadata["internal_call_origin"] = R"("background_response_cost_poll")";
  const UsageEvent bill = Row(event_.Text());
  EXPECT_FALSE(bill.is_request) << "the call that created it was";
  event_.top["response_cost"] = "0";
  event_.top["id"] = R"("resp_1_background_cost")";
  EXPECT_EQ(Id(event_.Text()), bill.id) << "a model without a price";
}

}  // namespace
}  // namespace usage_ingest::event
