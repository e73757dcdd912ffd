#include "daemon/replay/json_stream.h"

#include <gtest/gtest.h>

#include <vector>

namespace usage_ingest::replay {
namespace {

constexpr std::size_t kValueBytesMax = 60;

struct Cut {
  std::vector<std::string> values;  // "line:text"
  bool is_complete = true;
};

// The values of a file, whatever the pieces that its bytes come in.
Cut CutUp(std::string_view file) {
  Cut whole;
  for (std::size_t piece = 1; piece <= file.size() + 1; ++piece) {
    Cut cut;
    JsonStream stream(kValueBytesMax, [&](const JsonStream::Value& value) {
      EXPECT_EQ(file.substr(static_cast<std::size_t>(value.offset), 1), value.text.substr(0, 1));
      cut.values.push_back(std::to_string(value.line) + ':' + std::string(value.text));
    });
    for (std::size_t at = 0; at < file.size(); at += piece) stream.Feed(file.substr(at, piece));
    cut.is_complete = stream.Finish();
    if (piece == 1) whole = cut;
    EXPECT_EQ(cut.values, whole.values) << file << " in pieces of " << piece;
    EXPECT_EQ(cut.is_complete, whole.is_complete) << file << " in pieces of " << piece;
  }
  return whole;
}
std::vector<std::string> Values(std::string_view file) { return CutUp(file).values; }

using Strings = std::vector<std::string>;

TEST(JsonStreamTest, ValuesAreSeparatedByAnythingOrNothing) {
  EXPECT_EQ(Values(""), Strings{});
  EXPECT_EQ(Values("\n \n"), Strings{});
  for (const std::string& separator :
       {std::string(), std::string("  "), std::string(","), std::string(",  "), std::string("\t"),
        std::string(2, '\0'), std::string("\x1E"), std::string("\xEF\xBB\xBF")}) {
    EXPECT_EQ(Values("{\"a\":1}" + separator + "{\"b\":{}}" + separator),
              (Strings{"1:{\"a\":1}", "1:{\"b\":{}}"}));
  }
  EXPECT_EQ(Values("{\"a\":1}\n{\"b\":2}"), (Strings{"1:{\"a\":1}", "2:{\"b\":2}"}));
  EXPECT_EQ(Values("{\"a\":1}\r\n\n{\"b\":2},\r\n"), (Strings{"1:{\"a\":1}", "3:{\"b\":2}"}));
}

TEST(JsonStreamTest, AValueMayHaveManyLines) {
  EXPECT_EQ(Values("{\n  \"a\": [\n    {\n    },\n    1\n  ]\n}\n{\n}\n"),
            (Strings{"1:{\n  \"a\": [\n    {\n    },\n    1\n  ]\n}", "8:{\n}"}));
  EXPECT_EQ(Values("{\"data\":[\n{\"a\":1},\n{\"b\":\n{}}\n]}\n{}"),
            (Strings{"1:{\"data\":[\n{\"a\":1},\n{\"b\":\n{}}\n]}", "6:{}"}))
      << "JSON allows a bracket at the beginning of these lines";
  EXPECT_EQ(Values("{\"a\":\"}\\\"{\\\\\"}{}"), (Strings{"1:{\"a\":\"}\\\"{\\\\\"}", "1:{}"}));
}

TEST(JsonStreamTest, TheBracketsOfArraysAreSeparators) {
  EXPECT_EQ(Values("[]"), Strings{});
  EXPECT_EQ(Values("[{\"a\":[1,{}]},\n {\"b\":\",]}\\\"\"}\n]\n"),
            (Strings{"1:{\"a\":[1,{}]}", "2:{\"b\":\",]}\\\"\"}"}));
  EXPECT_EQ(Values(" [1,\"\\\\,]\",null]"), (Strings{"1:1", "1:\"\\\\,]\"", "1:null"}));
  EXPECT_EQ(Values("7\n[1]\n8\n"), (Strings{"1:7", "2:1", "3:8"}));
  EXPECT_EQ(Values("[[1],[{}]]"), (Strings{"1:1", "1:{}"}));
}

// What was behind an array on its line was dropped without being counted.
TEST(JsonStreamTest, NothingBehindAnArrayIsLost) {
  EXPECT_EQ(Values("[1]\n[2,3]\n"), (Strings{"1:1", "2:2", "2:3"}));
  EXPECT_EQ(Values("[1] [2]"), (Strings{"1:1", "1:2"}));
  EXPECT_EQ(Values("[1]{\"a\":1}\n2"), (Strings{"1:1", "1:{\"a\":1}", "2:2"}));
  EXPECT_EQ(Values("[1],[2]"), (Strings{"1:1", "1:2"}));
  EXPECT_EQ(Values("[1}]"), (Strings{"1:1}"}));
  EXPECT_EQ(Values("[1]]"), (Strings{"1:1", "1:]"}));
}

TEST(JsonStreamTest, AFileThatIsCutOffInAnArraySaysSo) {
  EXPECT_FALSE(CutUp("[1,").is_complete);
  EXPECT_FALSE(CutUp("[{}\n").is_complete);
  EXPECT_FALSE(CutUp("[\"a").is_complete);
  EXPECT_TRUE(CutUp("[1]\n{\"a\":").is_complete);
  EXPECT_EQ(Values("[1,{\"a\":"), (Strings{"1:1", "1:{\"a\":"}));
  EXPECT_EQ(Values("[\"a"), (Strings{"1:\"a"}));
}

TEST(JsonStreamTest, AValueThatIsNotJsonTakesNoNeighbourWithIt) {
  const std::string good = "{\"g\":1}";
  for (const std::string torn : {"{torn", "{\"a\":1", "{\"a\":\"x", "{\"a", "{\"a\":[1", "{\"a\":",
                                 "{\"a\":[", "{\"a\":[{\"b\":2},", "plain text, [ and \"", "]}"}) {
    const std::string lines = good + '\n' + torn + '\n' + good + '\n' + good;
    const std::string kept = torn == "plain text, [ and \"" ? "plain text," : torn;
    const Strings values = Values(lines);
    ASSERT_GE(values.size(), 4U) << lines;
    EXPECT_EQ(values[0], "1:" + good) << lines;
    EXPECT_EQ(values[1], "2:" + kept) << lines;
    EXPECT_EQ(values[values.size() - 2], "3:" + good) << lines;
    EXPECT_EQ(values.back(), "4:" + good) << lines;
  }
  EXPECT_EQ(Values("{\"a\":tru}{\"b\":1}"), (Strings{"1:{\"a\":tru}", "1:{\"b\":1}"}));
}

TEST(JsonStreamTest, AnIndentedValueThatIsNotJsonIsOneValue) {
  EXPECT_EQ(Values("{\n \"a\": \"torn\n \"b\": {\n  }\n}\n{\n}\n"),
            (Strings{"1:{\n \"a\": \"torn\n \"b\": {\n  }\n}", "6:{\n}"}));
  EXPECT_EQ(Values("[\n  {\n    \"a\n    {\n  },\n  {}\n]"),
            (Strings{"2:{\n    \"a\n    {\n  },", "6:{}"}));
}

TEST(JsonStreamTest, HoldsNoMoreOfAValueThanTellsThatItIsTooLarge) {
  const std::string large(10 * kValueBytesMax, 'x');
  EXPECT_EQ(Values(large + "\n7"), (Strings{"1:" + large.substr(0, kValueBytesMax + 1), "2:7"}));
  EXPECT_EQ(Values('[' + large + ",7]"),
            (Strings{"1:" + large.substr(0, kValueBytesMax + 1), "1:7"}));
  const std::string object = "{\"a\":\"" + large + "\"}";
  EXPECT_EQ(Values(object + "{}"), (Strings{"1:" + object.substr(0, kValueBytesMax + 1), "1:{}"}));
  const std::string torn = "{\"a\":\n" + object;
  EXPECT_EQ(Values(torn + "\n{}"), (Strings{"1:" + torn.substr(0, kValueBytesMax + 1), "3:{}"}))
      << "where a value that is not kept would end is not known";
  const std::string deep(10 * kValueBytesMax, '{');
  EXPECT_EQ(Values(deep + "\n{}"), (Strings{"1:" + deep.substr(0, kValueBytesMax + 1), "2:{}"}));
}

}  // namespace
}  // namespace usage_ingest::replay
