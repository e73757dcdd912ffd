#include "ingest/event/dead_letter_payload.h"

#include <array>

#include "schema/limits.h"
#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::event {
namespace {

TEST(PayloadTest, LeavesOutPromptsAnswersAndPrices) {
  EXPECT_EQ(
      PayloadOfElement(R"({"id": "x", "messages" : [{"content": "}\"],{"}] ,"n":1, "response":{},)"
                       R"( "model_map_information": {"a":[1,{}]},"proxy_server_request":"p"})"),
      R"({"id":"x","n":1})");
  EXPECT_EQ(PayloadOfElement(R"({"messages":null})"), "{}");
  EXPECT_EQ(PayloadOfElement("{}"), "{}");
  EXPECT_EQ(PayloadOfElement(R"({"m":{"messages":1},"k":"messages"})"),
            R"({"m":{"messages":1},"k":"messages"})")
      << "of the outermost object only";
  EXPECT_EQ(PayloadOfElement(R"([{"messages":1,"a":2},{"response":3}])"), R"([{"a":2},{}])");
}

TEST(PayloadTest, TwiceIsOnce) {
  for (const char* json : {R"({"id": "x", "messages": 1, "b" : [ 1 , 2 ] })", "5", R"("text")",
                           "[]", R"({"user_api_key_hash": "cap-plain-key-9999"})"}) {
    const std::string once = PayloadOfElement(json);
    EXPECT_EQ(PayloadOfElement(once), once) << json;
  }
}

TEST(PayloadTest, BlanksRawKeys) {
  EXPECT_EQ(PayloadOfElement(R"({"metadata":{"user_api_key_hash": "sh\"ort"},"x":1})"),
            R"({"metadata":{"user_api_key_hash": ""},"x":1})");
  EXPECT_EQ(PayloadOfElement(R"({"api_key":"cap-plain-key-9999","e":"cap-plain-key-9999?"})"),
            R"({"api_key":"","e":"[redacted]?"})");
  EXPECT_EQ(PayloadOfElement(R"({"api_key":123456789})"), R"({"api_key":0})");
  EXPECT_EQ(PayloadOfElement(R"({"metadata":"{\"user_api_key\": \"raw-key\", \"a\":1}"})"),
            R"({"metadata":"{\"user_api_key\": \"\", \"a\":1}"})")
      << "in a text of JSON too";
  EXPECT_EQ(PayloadOfElement(R"({"api_key\":":"x"})"), R"({"api_key\":":"x"})")
      << "a quote within the name and one around it are two levels";
  const std::string fine = R"({"api_key":")" + std::string(kHash) +
                           R"(","user_api_key_hash":"litellm_proxy_master_key","b_api_key":null})";
  EXPECT_EQ(PayloadOfElement(fine), fine);
}

TEST(PayloadTest, BlanksRawKeysWhereverTheyAreTold) {
  EXPECT_EQ(PayloadOfElement(R"({"api_key":"nbcdefgh","e":"\nbcdefgh \\nbcdefgh nbcdefgh"})"),
            R"({"api_key":"","e":"\nbcdefgh \\[redacted] [redacted]"})")
      << "a line break and another word is not the key";
  const std::string hash(kHash);
  EXPECT_EQ(PayloadOfElement(R"({"api_key":")" + hash.substr(4, 20) + R"(","user_api_key_hash":")" +
                             hash + "\"}"),
            R"({"api_key":"","user_api_key_hash":""})")
      << "a hash that holds a key is none any more";
}

// The decoder undoes escapes before it compares names, so whatever it takes for a key is one here.
TEST(PayloadTest, NamesMayBeWrittenWithEscapes) {
  for (const char* name : {R"(user_api_key_h\u0061sh)", R"(\u0075ser_api_key_hash)",
                           R"(api_ke\u0079)", R"(\u0061pi\u005Fkey)", R"(api_key\u005fhash)",
                           R"(api_\u0000key)", R"(\u0061\u0070\u0069\u005f\u006b\u0065\u0079)"}) {
    const auto member = [&](const std::string& value) {
      return "{\"" + std::string(name) + "\":\"" + value + "\",\"e\":\"a\"}";
    };
    EXPECT_EQ(PayloadOfElement(member("cap-plain-key-9999")), member(""));
    EXPECT_EQ(PayloadOfElement(member(std::string(kHash))), member(std::string(kHash)));
    EXPECT_EQ(PayloadOfBrokenBytes(member("cap-plain-key-9999") + '{'), member("") + '{');
  }
  for (const char* name : {R"(api_k\u0065)", R"(api_key\u0073)", R"(api_key\u00)",
                           R"(api\u00e9key)", R"(\\\\)", R"(\u0061\\)", "a"}) {
    const std::string other = "{\"" + std::string(name) + "\":\"cap-plain-key-9999\"}";
    EXPECT_EQ(PayloadOfElement(other), other);
  }
  EXPECT_EQ(PayloadOfElement(R"({"mess\u0061ges":"p","\u0072esponse":1,"messages\\":2})"),
            R"({"messages\\":2})");
}

// In a text of JSON each escape has a backslash of its own, and quotes and blanks may be escapes.
TEST(PayloadTest, TextsOfJsonMayBeWrittenWithEscapes) {
  const auto metadata = [](const std::string& text) { return R"({"metadata":")" + text + "\"}"; };
  for (const auto& [before, value, after] : std::initializer_list<std::array<std::string, 3>>{
           {R"({\"user_api_key_h\\u0061sh\": \")", "raw-key-1", R"(\"})"},
           {R"({\"user_api_key_h\u0061sh\": \")", "raw-key-1", R"(\"})"},
           {R"({\u0022api_key\u0022:\u0022)", "raw-key-1", R"(\u0022})"},
           {R"({\u0022api_key\":\u0022)", "raw-key-1", R"(\",\"a\":\u0022b\u0022})"},
           {R"({\"api_key\"\u0020\u003a\n\t\")", R"(raw\\u0022key)", R"(\"})"},
           {R"({\"a\":\"{\\u0022api_key\\\":\\\")", "raw-key-1", R"(\\u0022}\"})"}}) {
    EXPECT_EQ(PayloadOfElement(metadata(before + value + after)), metadata(before + after));
  }
  EXPECT_EQ(PayloadOfElement(R"({"api_key":"raw\u0022key"})"), R"({"api_key":""})")
      << "a quote in the value does not end it";
  EXPECT_EQ(PayloadOfElement(metadata(R"({\"api_key\":\"raw-key-1\\)")),
            metadata(R"({\"api_key\":\")"))
      << "a torn text ends where the one around it does";
  EXPECT_EQ(PayloadOfElement(metadata(R"({\"api_key\":\"raw-key-1\\\\\",\"a\":\"b\"})")),
            metadata(R"({\"api_key\":\"\",\"a\":\"b\"})"))
      << "a backslash at the end of the value is no part of the quote";
}

// 64 raw keys in one event are an attack; what is kept must be free of all of them.
TEST(PayloadTest, OfTooManyRawKeysIsNothing) {
  const auto with_keys = [](int count) {
    std::string json = "{";
    for (int i = 0; i < count; ++i) {
      json += R"("api_key":"raw-key-)" + std::to_string(1000 + i) + R"(",)";
    }
    return json + R"("e":"raw-key-1063"})";
  };
  const std::string payload = PayloadOfElement(with_keys(64));
  EXPECT_NE(payload, "");
  EXPECT_EQ(payload.find("raw-key-"), std::string::npos);
  EXPECT_EQ(PayloadOfElement(with_keys(65)), "");
}

// Anything that is not linear would be noticed by ctest's limit of ten minutes.
TEST(PayloadTest, CostsWhatItsSizeCosts) {
  std::string keys = R"({"x":[)";
  for (int i = 0; i < 200'000; ++i) {
    keys += R"({"api_key":"raw-key-)" + std::to_string(1'000'000 + i) + R"("},)";
  }
  EXPECT_EQ(PayloadOfElement(keys + "0]}"), "");
  std::string told = R"({"api_key":"rawkey12","e":")";
  for (int i = 0; i < 800'000; ++i) told += "rawkey12";
  EXPECT_EQ(PayloadOfElement(told + "\"}").size(), 21U + 800'000 * 10);
  // No run of backslashes is looked at again and again.
  for (const char* part : {"\\\\", "a\\\\", "api_key\\\\", R"(\u0061)", R"(api_key\":\")"}) {
    std::string text = "{\"e\":\"";
    for (int i = 0; i < 400'000; ++i) text += part;
    EXPECT_EQ(PayloadOfElement(text + "\"}").substr(0, 6), "{\"e\":\"");
  }
}

TEST(PayloadTest, OfBytesThatDoNotParse) {
  EXPECT_EQ(PayloadOfBrokenBytes(R"({"messages": "kept", torn)"), R"({"messages": "kept", torn)");
  EXPECT_EQ(PayloadOfBrokenBytes(R"({"user_api_key_hash":"cap-plain-key-9999","x)"),
            R"({"user_api_key_hash":"","x)");
  EXPECT_EQ(PayloadOfBrokenBytes(R"({"user_api_key_hash":"cap-plain)"),
            R"({"user_api_key_hash":")");
  EXPECT_EQ(PayloadOfBrokenBytes(std::string(2 << 20, 'x')).size(),
            limits::kDeadLetterPayloadBytesMax);
}

using DeadLetterPayloadTest = DecodeFixture;

TEST_F(DeadLetterPayloadTest, IsOfTheElementAskedFor) {
  const std::string array = R"([{"id":"a"},null, 5 ,"t\"x",{"id":"b","messages":1}])";
  EXPECT_EQ(decoder_.DeadLetterPayload(array, 0), R"({"id":"a"})");
  EXPECT_EQ(decoder_.DeadLetterPayload(array, 1), "null");
  EXPECT_EQ(decoder_.DeadLetterPayload(array, 2), "5");
  EXPECT_EQ(decoder_.DeadLetterPayload(array, 3), R"("t\"x")");
  EXPECT_EQ(decoder_.DeadLetterPayload(array, 4), R"({"id":"b"})");
  const std::string lines = "{\"id\":\"a\"}\n\n{torn\n{\"id\":\"b\"}\n";
  EXPECT_EQ(decoder_.DeadLetterPayload(lines, 0), R"({"id":"a"})");
  EXPECT_EQ(decoder_.DeadLetterPayload(lines, 1), "{torn");
  EXPECT_EQ(decoder_.DeadLetterPayload(lines, 2), R"({"id":"b"})");
  EXPECT_EQ(decoder_.DeadLetterPayload("[{\"id\":1},", 0), "[{\"id\":1},") << "not JSON: all of it";
  EXPECT_EQ(decoder_.DeadLetterPayload("\xEF\xBB\xBF{\"id\":1}", 0), "{\"id\":1}");
}

// Of the whole decoder: what is a raw key to the row is one to the payload.
TEST_F(DeadLetterPayloadTest, ANameWithAnEscapeIsAKeyToBoth) {
  EventJson event;
  event.metadata = {{R"(user_api_key_h\u0061sh)", R"("cap-plain-key-9999")"}};
  event.top["end_user"] = R"("I am cap-plain-key-9999")";
  EXPECT_TRUE(Row(event.Text()).metadata_json.contains(R"("end_user":"[redacted]")"));
  event.top.erase("startTime");
  EXPECT_EQ(Outcomes(event.Text()), "invalid_field");
  EXPECT_FALSE(decoder_.DeadLetterPayload(event.Text(), 0).contains("cap-plain-key-9999"));
}

TEST_F(DeadLetterPayloadTest, ARetryDecidesAsBefore) {
  EventJson event;
  event.top["messages"] = R"(["the prompt"])";
  const UsageEvent row = Row(event.Text());
  EXPECT_EQ(Row(decoder_.DeadLetterPayload(event.Text(), 0)).id, row.id);
}

// The prompt is what made it too large; without it the event can be booked after all.
TEST_F(DeadLetterPayloadTest, ATooLargeRecordIsStripped) {
  EventJson event;
  event.top["messages"] = '"' + std::string(10 << 20, 'x') + '"';
  const std::string value = event.Text();
  EXPECT_EQ(Outcomes(value), "record_too_large");
  const std::string payload = decoder_.DeadLetterPayload(value, 0);
  EXPECT_LT(payload.size(), 2000U);
  EXPECT_EQ(Outcomes(payload), "row");
  const std::string garbage(10 << 20, '{');
  EXPECT_LE(decoder_.DeadLetterPayload(garbage, 0).size(), limits::kDeadLetterPayloadBytesMax);
}

// Asks for the payload of each rejected element at once, as the lane does.
class AskingSink final : public EventSink {
 public:
  AskingSink(Decoder& decoder, std::string_view value) : decoder_(decoder), value_(value) {}
  void OnEvent(std::uint32_t, const UsageEvent& event) override {
    ids.push_back(std::string(event.litellm_request_id));
  }
  void OnSkip(std::uint32_t, SkipReason) override {}
  void OnReject(std::uint32_t index, const Rejection&) override {
    payloads.push_back(decoder_.DeadLetterPayload(value_, index));
  }
  std::vector<std::string> ids;
  std::vector<std::string> payloads;

 private:
  Decoder& decoder_;
  std::string_view value_;
};

TEST_F(DeadLetterPayloadTest, CanBeAskedForWithinOnReject) {
  const std::string value = '[' + EventJson::With("id", R"("a")") + R"(,{"id":"bad"},)" +
                            EventJson::With("id", R"("b")") + ",7," +
                            EventJson::With("id", R"("c")") + ']';
  AskingSink sink(decoder_, value);
  decoder_.Decode(origin_, value, arena_, sink);
  EXPECT_EQ(sink.ids, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(sink.payloads, (std::vector<std::string>{R"({"id":"bad"})", "7"}));
}

// As many bad elements as a record may have, each long: each was looked for from the record's
// beginning, which would have taken hours and held up the lane. ctest's limit of ten minutes would
// tell.
TEST_F(DeadLetterPayloadTest, OfAllElementsCostsOneWalkMore) {
  const std::string word = '"' + std::string(70, 'x') + '"';
  std::string array = "[";
  std::string lines = EventJson().Text() + '\n';
  for (std::size_t i = 2; i < limits::kRecordElementsMax; ++i) {
    array += word + ',';
    lines += std::string(70, 'x') + '\n';
  }
  for (const std::string& value : {array + "{}]", lines + "{}"}) {
    AskingSink sink(decoder_, value);
    decoder_.Decode(origin_, value, arena_, sink);
    ASSERT_EQ(sink.payloads.size(), limits::kRecordElementsMax - 1) << value.substr(0, 1);
    EXPECT_EQ(sink.payloads.back(), "{}");
  }
}

// As of an object and of an array's element.
TEST_F(DeadLetterPayloadTest, OfAScalarHasItsBadUtf8Replaced) {
  EXPECT_EQ(decoder_.DeadLetterPayload("\"\xEDx\"", 0), "\"\ufffdx\"");
  EXPECT_EQ(decoder_.DeadLetterPayload("{}\n\"\xEDx\"", 1), "\"\ufffdx\"");
}

// The next record may lie where the last one was.
TEST_F(DeadLetterPayloadTest, IsOfTheRecordAtHand) {
  std::string value = R"([{"id":1},{"id":2}])";
  Decode(value);
  EXPECT_EQ(decoder_.DeadLetterPayload(value, 1), R"({"id":2})");
  value = R"([{"id":3},{"id":4}])";
  Decode(value);
  EXPECT_EQ(decoder_.DeadLetterPayload(value, 1), R"({"id":4})");
}

TEST_F(DeadLetterPayloadTest, IsUtf8) {
  for (const std::string_view value :
       {"[{\"id\":\"\xFF\"},7]\n", "{\"id\":\"\xFF\"}", "{\"id\":\"\xFF\"}\n7\n"}) {
    Decode(value);
    EXPECT_EQ(decoder_.DeadLetterPayload(value, 0), "{\"id\":\"\ufffd\"}") << value;
    EXPECT_EQ(decoder_.DeadLetterPayload(value, 1), value.contains('7') ? "7" : "") << value;
  }
}

}  // namespace
}  // namespace usage_ingest::event
