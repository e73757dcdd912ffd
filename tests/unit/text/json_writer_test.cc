#include "daemon/text/json_writer.h"

#include <gtest/gtest.h>

#include <limits>

namespace usage_ingest::text {
namespace {

std::string Quoted(std::string_view text) {
  std::string out;
  AppendJsonString(out, text);
  return out;
}

TEST(JsonWriterTest, PutsCommasWhereTheyBelong) {
  JsonWriter json;
  json.BeginObject().Key("a").Int(1).Key("b").BeginArray().Int(1).Bool(true).Null().EndArray();
  json.Key("c").BeginObject().EndObject().Key("d").String("x").EndObject();
  EXPECT_EQ(json.Take(), R"({"a":1,"b":[1,true,null],"c":{},"d":"x"})");
}

TEST(JsonWriterTest, WritesNumbersThatEveryParserReads) {
  JsonWriter json;
  json.BeginArray().Double(1.5).Double(0).Double(-0.0001).Double(1e15).Double(100);
  json.Double(std::numeric_limits<double>::quiet_NaN()).EndArray();
  EXPECT_EQ(json.Take(), "[1.5,0,0,1000000000000000,100,null]");
}

TEST(JsonWriterTest, EscapesWhatWouldBreakTheText) {
  EXPECT_EQ(Quoted("a\"b\\c\n\x01\x7F"), R"("a\"b\\c\u000a\u0001\u007f")");
  EXPECT_EQ(Quoted("\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80\"");
}

TEST(JsonWriterTest, ReplacesBytesThatAreNotUtf8) {
  for (const auto* bad : {"\xFF", "\xC0", "\xED"}) {
    EXPECT_EQ(Quoted(bad), "\"\xEF\xBF\xBD\"") << static_cast<int>(bad[0]);
  }
  EXPECT_EQ(Quoted("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace usage_ingest::text
