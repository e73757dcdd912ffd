// The metadata column: docs/events.md, "metadata holds these keys and no others".
#include <gmock/gmock.h>

#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::event {
namespace {

class DecoderMetadataTest : public DecodeFixture {
 protected:
  // The whole column of an event with one more member.
  std::string Metadata(const std::string& key, const std::string& value) {
    EventJson event;
    event.top = {{"id", R"("x")"}, {"startTime", "1795365287.5"}, {"model_group", R"("m")"}};
    event.top[key] = value;
    return std::string(Row(event.Text()).metadata_json);
  }
  std::string Usage(const std::string& usage_object) {
    EventJson event;
    event.top = {{"id", R"("x")"}, {"startTime", "1795365287.5"}};
    event.metadata["usage_object"] = usage_object;
    return std::string(Row(event.Text()).metadata_json);
  }
};

TEST_F(DecoderMetadataTest, IsNeverNull) { EXPECT_EQ(Metadata("unknown", "5"), "{}"); }

TEST_F(DecoderMetadataTest, Texts) {
  constexpr std::pair<const char*, const char*> kKeys[] = {
      {"call_type", "call_type"}, {"custom_llm_provider", "provider"},
      {"model", "model"},         {"model_id", "model_id"},
      {"trace_id", "trace_id"},   {"litellm_call_id", "call_id"},
      {"end_user", "end_user"}};
  for (const auto& [from, to] : kKeys) {
    EXPECT_EQ(Metadata(from, R"("some text")"),
              '{' + ('"' + std::string(to)) + R"(":"some text"})");
    EXPECT_EQ(Metadata(from, R"("q\"b\\n\n\u00e9\u0000\ud83e")"),
              '{' + ('"' + std::string(to)) + R"(":"q\"b\\n\n)" + "\u00e9\ufffd\"}");
    for (const char* nothing :
         {"null", R"("")", R"("None")", R"("\u0000")", "NaN", "5", "true", "[]", "{}"}) {
      EXPECT_EQ(Metadata(from, nothing), "{}") << from << nothing;
    }
  }
}

TEST_F(DecoderMetadataTest, ErrorClass) {
  EventJson event;
  event.top = {{"id", R"("x")"}, {"startTime", "1795365287.5"}};
  event.error_information["error_class"] = R"("RateLimitError")";
  EXPECT_EQ(Row(event.Text()).metadata_json, R"({"error_class":"RateLimitError"})");
}

TEST_F(DecoderMetadataTest, FlagsOnlyWhenTrue) {
  for (const char* flag : {"stream", "cache_hit"}) {
    for (const char* yes : {"true", R"("True")", R"("true")"}) {
      EXPECT_EQ(Metadata(flag, yes), '{' + ('"' + std::string(flag)) + "\":true}");
    }
    for (const char* no : {"false", "null", R"("False")", R"("None")", "1"}) {
      EXPECT_EQ(Metadata(flag, no), "{}") << no;
    }
  }
}

TEST_F(DecoderMetadataTest, TimeToFirstToken) {
  EXPECT_EQ(Metadata("completionStartTime", "1795365287.7"), R"({"ttft_ms":200})");
  EXPECT_EQ(Metadata("completionStartTime", R"("2026-11-22T16:34:47.7Z")"), R"({"ttft_ms":200})");
  EXPECT_EQ(Metadata("completionStartTime", "1"), R"({"ttft_ms":0})");
  EXPECT_EQ(Metadata("completionStartTime", "null"), "{}");
  EXPECT_EQ(Metadata("completionStartTime", "NaN"), "{}");
}

TEST_F(DecoderMetadataTest, Tags) {
  EXPECT_EQ(Metadata("request_tags", R"(["ci", "ni\u0000ght\u00e9ly","a\"b"])"),
            "{\"tags\":[\"ci\",\"night\u00e9ly\",\"a\\\"b\"]}");
  EXPECT_EQ(Metadata("request_tags", R"(["a",5,null,["b"],{"c":1},"",true,"None"])"),
            R"({"tags":["a","None"]})");
  EXPECT_EQ(Metadata("request_tags", R"("[\"a\",5]")"), R"({"tags":["a"]})")
      << "as SpendLogs has them";
  for (const char* nothing : {"[]", "null", "[null]", R"([""])", "{}", "5", R"("a")", R"("[")",
                              R"("[1")", R"("{}")", R"("[]")"}) {
    EXPECT_EQ(Metadata("request_tags", nothing), "{}") << nothing;
  }
}

TEST_F(DecoderMetadataTest, CostWithAllItsDigits) {
  EXPECT_EQ(Metadata("response_cost", "2e-7"), R"({"cost":0.0000002})");
  EXPECT_EQ(Metadata("response_cost", R"("0.000345000")"), R"({"cost":0.000345})");
  EXPECT_EQ(Metadata("response_cost", "3.5000000000000004e-05"), R"({"cost":0.000035})");
  EXPECT_EQ(Metadata("response_cost", "13.0"), R"({"cost":13})");
  for (const char* nothing : {"0.0", "1e-16000", "null", "4e-21"}) {
    EXPECT_EQ(Metadata("response_cost", nothing), "{}") << nothing;
  }
}

TEST_F(DecoderMetadataTest, CachedAndReasoningTokens) {
  EXPECT_EQ(Usage(R"({"prompt_tokens_details":{"cached_tokens":5},"cache_read_input_tokens":7})"),
            R"({"cached_tokens":5})");
  EXPECT_EQ(Usage(R"({"prompt_tokens_details":null,"cache_read_input_tokens":7})"),
            R"({"cached_tokens":7})");
  EXPECT_EQ(
      Usage(R"({"prompt_tokens_details":{"cached_tokens":0},"cache_read_input_tokens":38000})"),
      R"({"cached_tokens":38000})")
      << "some providers fill only one of them";
  EXPECT_EQ(Usage(R"({"prompt_tokens_details":{"cached_tokens":0},"cache_read_input_tokens":0})"),
            R"({"cached_tokens":0})");
  EXPECT_EQ(Usage(R"({"prompt_tokens_details":{"cached_tokens":0}})"), R"({"cached_tokens":0})");
  EXPECT_EQ(Usage(R"({"completion_tokens_details":{"reasoning_tokens":"0"}})"),
            R"({"reasoning_tokens":0})");
  for (const char* nothing : {"-1", "1.5", "2147483648", R"("x")", "null", "NaN", "{}"}) {
    EXPECT_EQ(
        Usage(std::string(R"({"completion_tokens_details":{"reasoning_tokens":)") + nothing + "}}"),
        "{}")
        << nothing;
  }
  EXPECT_EQ(Usage("[]"), "{}");
}

// The history adds them up, and is calculated again from the metadata.
TEST_F(DecoderMetadataTest, TokenDetailsAreInTheEventAndKeptWhateverIsConfigured) {
  EventJson event;
  event.top = {{"id", R"("x")"}, {"startTime", "1795365287.5"}};
  event.metadata["usage_object"] = R"({"prompt_tokens_details":{"cached_tokens":5},)"
                                   R"("completion_tokens_details":{"reasoning_tokens":7}})";
  EXPECT_EQ(Row(event.Text()).cached_tokens, 5);
  EXPECT_EQ(Row(event.Text()).reasoning_tokens, 7);
  Decoder silent({.metadata_keys = {}});
  CollectingSink sink;
  silent.Decode(origin_, event.Text(), arena_, sink);
  ASSERT_EQ(sink.events.size(), 1U);
  EXPECT_EQ(sink.events[0].second.metadata_json, R"({"cached_tokens":5,"reasoning_tokens":7})");
  event.metadata["usage_object"] = R"({"prompt_tokens_details":{"cached_tokens":2147483648},)"
                                   R"("completion_tokens_details":{"reasoning_tokens":-7}})";
  EXPECT_EQ(Row(event.Text()).cached_tokens, 0);
  EXPECT_EQ(Row(event.Text()).reasoning_tokens, 0);
}

// Which rows are no request of the user: LiteLLM marks them in the metadata of both shapes.
TEST_F(DecoderMetadataTest, MarksOfLiteLlm) {
  EventJson event;
  event.top = {{"id", R"("x")"}, {"startTime", "1795365287.5"}};
  event.metadata["billed_retry_attempt"] = "true";
  event.metadata["internal_call_origin"] = R"("autorouter_classifier")";
  event.metadata["is_silent_experiment"] = "true";
  constexpr std::string_view kMarks =
      R"("billed_retry_attempt":true,"internal_call_origin":"autorouter_classifier",)"
      R"("is_silent_experiment":true})";
  EXPECT_THAT(Row(event.Text()).metadata_json, testing::EndsWith(kMarks));
  EXPECT_FALSE(Row(event.Text()).is_request);
  EventJson::Members row = {{"request_id", R"("x")"},
                            {"spend", "0"},
                            {"startTime", "1795365287.5"},
                            {"metadata", EventJson::Object(event.metadata)}};
  EXPECT_THAT(Row(EventJson::Object(row)).metadata_json, testing::EndsWith(kMarks));
  EXPECT_FALSE(Row(EventJson::Object(row)).is_request);
  event.metadata["billed_retry_attempt"] = "false";
  event.metadata["internal_call_origin"] = "null";
  event.metadata["is_silent_experiment"] = "null";
  EXPECT_EQ(Row(event.Text()).metadata_json, "{}");
  EXPECT_TRUE(Row(event.Text()).is_request);
}

TEST_F(DecoderMetadataTest, NothingElse) {
  EventJson event;
  event.top["requester_ip_address"] = R"("192.0.2.7")";
  event.top["user_agent"] = R"("AsyncOpenAI/1.2.3")";
  event.top["messages"] = R"([{"role":"user","content":"the prompt"}])";
  event.top["response"] = R"({"choices":["the answer"]})";
  event.metadata["user_api_key_user_email"] = R"("alice@example.com")";
  event.metadata["requester_metadata"] = R"({"headers":{"x-secret-header":"1"}})";
  const std::string_view column = Row(event.Text()).metadata_json;
  for (const char* leak : {"192.0.2.7", "AsyncOpenAI", "prompt", "answer", "alice", "header"}) {
    EXPECT_EQ(column.find(leak), std::string_view::npos) << leak;
  }
}

TEST_F(DecoderMetadataTest, TheListCanBeShortened) {
  Decoder decoder({.metadata_keys = {"model", "call_type"}});
  CollectingSink sink;
  decoder.Decode(origin_, EventJson().Text(), arena_, sink);
  ASSERT_EQ(sink.events.size(), 1U);
  EXPECT_EQ(sink.events[0].second.metadata_json,
            R"({"model":"openai/gpt-4o","call_type":"acompletion"})");
  Decoder silent({.metadata_keys = {}});
  silent.Decode(origin_, EventJson().Text(), arena_, sink);
  EXPECT_EQ(sink.events[1].second.metadata_json, "{}");
}

}  // namespace
}  // namespace usage_ingest::event
