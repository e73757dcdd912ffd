// What a record's value is made of: docs/events.md, "A record's value".
#include "schema/limits.h"
#include "tests/unit/event/decode_fixture.h"

namespace usage_ingest::event {
namespace {

class DecoderRecordTest : public DecodeFixture {
 protected:
  const std::string event_ = EventJson().Text();
};

TEST_F(DecoderRecordTest, OneObject) {
  EXPECT_EQ(Outcomes(event_), "row");
  EXPECT_EQ(Outcomes(" \r\n" + event_ + "\t\n"), "row");
}

TEST_F(DecoderRecordTest, ATombstoneIsSkipped) {
  for (const char* value : {"", " ", "\n", " \t\r\n ", "\xEF\xBB\xBF", "\xEF\xBB\xBF \n"}) {
    EXPECT_EQ(Outcomes(value), "tombstone") << value;
  }
}

TEST_F(DecoderRecordTest, AnArrayIsItsElements) {
  EXPECT_EQ(Outcomes('[' + event_ + ",null," + event_ + ']'), "row null_element row");
  EXPECT_EQ(sink_.events[0].first, 0U);
  EXPECT_EQ(sink_.skips[0].first, 1U);
  EXPECT_EQ(sink_.events[1].first, 2U);
  EXPECT_EQ(Outcomes("[ ]"), "");
}

TEST_F(DecoderRecordTest, ABadElementDoesNotHurtItsNeighbours) {
  EXPECT_EQ(Outcomes('[' + event_ + R"(,5,"x",true,[],[{}],{},)" + event_ + ']'),
            "row invalid_field invalid_field invalid_field invalid_field invalid_field "
            "invalid_field row");
}

TEST_F(DecoderRecordTest, LinesAreElements) {
  EXPECT_EQ(Outcomes(event_ + "\n\n \r\n" + event_ + "\r\nnull\n"), "row row null_element");
  EXPECT_EQ(sink_.events[1].first, 1U);
  EXPECT_EQ(Outcomes("null\nnull"), "null_element null_element");
}

TEST_F(DecoderRecordTest, ABadLineDoesNotHurtItsNeighbours) {
  EXPECT_EQ(Outcomes(event_ + "\nnot json\n" + event_ + "\n[" + event_ + "]\n5"),
            "row invalid_json row invalid_field invalid_field");
  EXPECT_EQ(Outcomes("not json\n" + event_), "invalid_json row");
  EXPECT_EQ(Outcomes(event_ + '\n' + event_.substr(0, 50)), "row invalid_json");
  EXPECT_EQ(Outcomes(event_ + "\n\"\x01\"\n" + event_), "row invalid_json row");
}

TEST_F(DecoderRecordTest, ARecordThatIsNotJsonIsOneDeadLetter) {
  for (const std::string& value :
       {std::string("not json"), std::string("nul"), std::string("{"), std::string("a\nb\nc"),
        std::string("\0", 1), event_.substr(0, event_.size() - 1), event_ + event_, event_ + 'x'}) {
    EXPECT_EQ(Outcomes(value), "invalid_json") << value;
  }
}

TEST_F(DecoderRecordTest, ATornRecordOfManyLinesIsOneDeadLetter) {
  EXPECT_EQ(Outcomes("[\n" + event_ + ",\n" + event_ + "\n"), "invalid_json");
  EXPECT_EQ(Outcomes('[' + event_ + ",\n" + event_), "invalid_json");
  EXPECT_EQ(Outcomes("{\n\"id\": \"x\",\n\"tags\": [\n\"a\",\n\"b\"\n],\n"), "invalid_json");
}

// Skipped parts are checked, too: a record that is not JSON is never a row.
TEST_F(DecoderRecordTest, JsonIsCheckedInMembersThatAreNotRead) {
  for (const char* value :
       {"[1 2]", "{\"a\" 1}", "[1,]", "tru", "01", "[}", "\"\\x\"", "\"\\u12\""}) {
    EXPECT_EQ(Outcomes(EventJson::With("messages", value)), "invalid_json") << value;
    EXPECT_EQ(Outcomes(EventJson::With("unknown", value)), "invalid_json") << value;
  }
}

TEST_F(DecoderRecordTest, ANullIsSkippedAndAnotherScalarIsNoObject) {
  EXPECT_EQ(Outcomes("null"), "null_element");
  EXPECT_EQ(Outcomes(" NaN "), "null_element");
  for (const char* value : {"5", "-1.5e3", "true", "\"text\"", "\"\""}) {
    EXPECT_EQ(Outcomes(value), "invalid_field") << value;
  }
}

TEST_F(DecoderRecordTest, AByteOrderMarkIsDropped) {
  EXPECT_EQ(Outcomes("\xEF\xBB\xBF" + event_), "row");
  EXPECT_EQ(Outcomes("\xEF\xBB\xBF\xEF\xBB\xBF" + event_), "invalid_json");
}

TEST_F(DecoderRecordTest, BadUtf8IsReplaced) {
  EXPECT_EQ(Row(EventJson::With("model_group", "\"m\xF0\x9F\xA6\"")).model_id, "m\ufffd");
  EXPECT_EQ(Outcomes(event_ + '\n' + EventJson::With("x", "\"\x80\"") + "\n\xFF"),
            "row row invalid_json");
}

TEST_F(DecoderRecordTest, TooLargeIsOneDeadLetterAndNotParsed) {
  Decoder small({.metadata_keys = AllMetadataKeys(), .record_bytes_max = event_.size()});
  CollectingSink sink;
  small.Decode(origin_, event_, arena_, sink);
  EXPECT_EQ(sink.events.size(), 1U);
  small.Decode(origin_, event_ + ' ', arena_, sink);
  ASSERT_EQ(sink.rejections.size(), 1U);
  EXPECT_EQ(sink.rejections[0].second.reason, DeadLetterReason::kRecordTooLarge);
}

// A record is one transaction. Four million elements, which 8 MiB can be, would never commit.
TEST_F(DecoderRecordTest, TooManyElementsAreOneDeadLetter) {
  std::string array = "[5";
  std::string lines = "{}";
  for (std::size_t i = 1; i < limits::kRecordElementsMax; ++i) {
    array += ",5";
    lines += "\n\nx";
  }
  Decode(array + ']');
  EXPECT_EQ(sink_.rejections.size(), limits::kRecordElementsMax);
  EXPECT_EQ(Outcomes(array + ",5]"), "record_too_large");
  EXPECT_EQ(decoder_.DeadLetterPayload(array + ",5]", 0), array + ",5]");
  Decode(lines);
  EXPECT_EQ(sink_.rejections.size(), limits::kRecordElementsMax);
  EXPECT_EQ(Outcomes(lines + "\nx"), "record_too_large");
  std::string inner = array + ",5]";
  EXPECT_EQ(Outcomes(EventJson::With("messages", inner)), "row") << "only elements count";
}

TEST_F(DecoderRecordTest, CountsFromTheFirstIndexItIsGiven) {
  origin_.first_index = 7;
  EXPECT_EQ(Outcomes('[' + event_ + ",null,5]"), "row null_element invalid_field");
  EXPECT_EQ(sink_.events[0].first, 7U);
  EXPECT_EQ(sink_.skips[0].first, 8U);
  EXPECT_EQ(sink_.rejections[0].first, 9U);
}

TEST_F(DecoderRecordTest, OfTwoKeysTheFirstCounts) {
  const std::string twice =
      R"({"id":"a","id":"b","startTime":1795365287,"model":"m","model":"n",)"
      R"("metadata":{"user_api_key_user_id":"u","user_api_key_user_id":"v"},)"
      R"("metadata":{"user_api_key_user_id":"w","user_api_key_team_id":"t"}})";
  const UsageEvent row = Row(twice);
  EXPECT_EQ(row.litellm_request_id, "a");
  EXPECT_EQ(row.model_id, "m");
  EXPECT_EQ(row.user_id, "u");
  EXPECT_EQ(row.team_id, "");
}

TEST_F(DecoderRecordTest, KeysMayHaveEscapes) {
  EXPECT_EQ(Row(R"({"\u0069d":"a","start\u0054ime":1795365287})").litellm_request_id, "a");
}

// 100,000 brackets of each kind must cost linear time; recursion would have ended the process.
TEST_F(DecoderRecordTest, DeepNestingIsNothingSpecial) {
  for (const std::size_t depth : {100'000U, 400'000U}) {
    const std::string brackets = std::string(depth, '[') + std::string(depth, ']');
    EXPECT_EQ(Outcomes(EventJson::With("messages", brackets)), "row");
    EXPECT_EQ(Outcomes(brackets), "invalid_field");
    EXPECT_EQ(Outcomes(std::string(depth, '[')), "invalid_json");
    std::string objects;
    for (std::size_t i = 0; i < depth; ++i) objects += R"({"a":)";
    EXPECT_EQ(Outcomes(EventJson::With("x", objects + '1' + std::string(depth, '}'))), "row");
  }
}

TEST_F(DecoderRecordTest, LargePartsAreWalkedOver) {
  const std::string prompt = '"' + std::string(1 << 20, 'x') + '"';
  EXPECT_EQ(Outcomes(EventJson::With("messages", prompt)), "row");
  EXPECT_LT(arena_.bytes_reserved(), std::size_t{1 << 20}) << "it was copied";
}

}  // namespace
}  // namespace usage_ingest::event
