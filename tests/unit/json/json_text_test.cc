#include "ingest/json/json_text.h"

#include <gtest/gtest.h>

#include <string>

namespace usage_ingest::json {
namespace {

using std::string_literals::operator""s;

std::string Unescaped(std::string_view raw) {
  std::string plain(raw.size(), '?');
  plain.resize(Unescape(raw, plain.data()));
  return plain;
}

TEST(JsonTextTest, FindsEscapes) {
  EXPECT_EQ(FindEscapes(R"({"a": "b"})").begin, nullptr);
  const std::string_view json = R"(["x", "a\n\u00e9b", "y"])";
  const EscapeRange range = FindEscapes(json);
  EXPECT_TRUE(range.valid);
  EXPECT_EQ(std::string_view(range.begin, range.end), R"(\n\u00e9)");
}

TEST(JsonTextTest, KnowsTheEscapesOfJsonOnly) {
  for (const char* text : {R"(\")", R"(\\)", R"(\/)", R"(\b\f\n\r\t)", R"(\u00e9)", R"(\uD83E)"}) {
    EXPECT_TRUE(FindEscapes(text).valid) << text;
  }
  for (const char* text : {R"(\x41)", R"(\')", R"(\u12)", R"(\u12g4)", R"(\U0041)", R"(\)",
                           R"(\\\)", R"(\u 123)", R"(\0)"}) {
    EXPECT_FALSE(FindEscapes(text).valid) << text;
  }
}

TEST(JsonTextTest, UndoesEscapes) {
  EXPECT_EQ(Unescaped(R"(a\"\\\/\b\f\n\r\tz)"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(Unescaped(R"(\u0041\u00e9\u20AC)"), "A\u00e9\u20ac");
  EXPECT_EQ(Unescaped(R"(\ud83e\udd84)"), "\U0001f984");
  EXPECT_EQ(Unescaped("plain"), "plain");
  EXPECT_EQ(Unescaped(""), "");
}

TEST(JsonTextTest, RemovesNul) {
  EXPECT_EQ(Unescaped(R"(end\u0000user)"), "enduser");
  EXPECT_EQ(Unescaped(R"(\u0000)"), "");
}

TEST(JsonTextTest, ReplacesLoneSurrogates) {
  EXPECT_EQ(Unescaped(R"(\ud83ex)"), "\ufffdx");
  EXPECT_EQ(Unescaped(R"(\udd84)"), "\ufffd");
  EXPECT_EQ(Unescaped(R"(\ud83e\ud83e\udd84)"), "\ufffd\U0001f984");
  EXPECT_EQ(Unescaped(R"(\udd84\ud83e)"), "\ufffd\ufffd");
  EXPECT_EQ(Unescaped(R"(\ud83e\n)"), "\ufffd\n");
  // Removing the NUL first would join them to a character that was not sent.
  EXPECT_EQ(Unescaped(R"(\ud83e\u0000\udd84)"), "\ufffd\ufffd");
}

// The examples of Unicode 15, section 3.9, table 3-8 to 3-11.
TEST(JsonTextTest, ReplacesEachMaximalSubpart) {
  const std::string r = "\ufffd";
  EXPECT_EQ(ReplaceBadUtf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(ReplaceBadUtf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(ReplaceBadUtf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(ReplaceBadUtf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
  EXPECT_EQ(ReplaceBadUtf8("caf\xC3"), "caf" + r);
  EXPECT_EQ(ReplaceBadUtf8("\xE2\x82\"x"), r + "\"x");
  EXPECT_EQ(ReplaceBadUtf8("\u00e9\u20ac\U0001f984 fine"), "\u00e9\u20ac\U0001f984 fine");
}

TEST(JsonTextTest, WritesEscapes) {
  const std::string text = "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\u00e9"s;
  std::string out(kEscapedBytesMax * text.size(), '?');
  out.resize(static_cast<std::size_t>(WriteEscaped(text, out.data()) - out.data()));
  EXPECT_EQ(out, R"(a\"b\\c/\b\f\n\r\t\u0001\u001f)"
                 "\x7f\u00e9");
}

TEST(JsonTextTest, CutsAtCharacters) {
  EXPECT_EQ(CutCharacters("abc", 3), "abc");
  EXPECT_EQ(CutCharacters("abcd", 3), "abc");
  EXPECT_EQ(CutCharacters("\u00e9\u00e9\u00e9", 2), "\u00e9\u00e9");
  EXPECT_EQ(CutCharacters("\U0001f984\U0001f984x", 2), "\U0001f984\U0001f984");
  EXPECT_EQ(CutCharacters("\u00e9\u00e9", 2), "\u00e9\u00e9");
  EXPECT_EQ(CutCharacters("", 2), "");
}

}  // namespace
}  // namespace usage_ingest::json
