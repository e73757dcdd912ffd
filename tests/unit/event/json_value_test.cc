// A value that is read where it stands is what the walk over its tokens says.
#include "ingest/event/json_value.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "ingest/event/json_index.h"
#include "ingest/event/json_walker.h"
#include "tests/unit/event/guarded_text.h"

namespace usage_ingest::ingest {
namespace {

// Behind a number, so much is read at once.
constexpr std::size_t kBehindMax = 40;

std::string Describe(const JsonValue& value) {
  return std::to_string(static_cast<int>(value.kind)) + (value.has_escapes ? "\\ " : " ") +
         std::string(value.text());
}

// What the walk says of `text` as the only value of an array, nullopt when it is no scalar there.
std::optional<std::string> Walked(JsonIndex& index, const std::string& text) {
  const std::string array = '[' + text + ']';
  if (index.Build(array) != JsonIndex::Status::kOk) return std::nullopt;
  const JsonWalker json(index);
  if (json.Container() == JsonWalker::kBroken) return std::nullopt;
  std::vector<JsonValue> values;
  const JsonWalker::Token end =
      json.ReadArray(0, [&](JsonWalker::Token at) { return json.Read(at, values.emplace_back()); });
  if (end != json.end() || values.size() != 1) return {};
  const JsonKind kind = values[0].kind;
  return kind == JsonKind::kObject || kind == JsonKind::kArray ? std::nullopt
                                                               : std::optional(Describe(values[0]));
}

class JsonValueTest : public testing::Test {
 protected:
  // What is read of `text` up to where `behind` begins.
  std::optional<std::string> Read(const std::string& text, const std::string& behind) {
    const std::string_view all = guarded_.Put(text + behind);
    if (all.empty()) return std::nullopt;
    JsonValue value;
    const char* const end = ReadScalar(all.data(), all.data() + all.size(), value);
    if (end != all.data() + text.size()) return std::nullopt;
    return Describe(value);
  }

  GuardedText guarded_;
  JsonIndex index_;
};

TEST_F(JsonValueTest, IsWhatTheWalkSays) {
  for (const char* text : {"null",
                           "true",
                           "false",
                           "NaN",
                           "Infinity",
                           "-Infinity",
                           "0",
                           "0.0",
                           "7",
                           "12",
                           "-0",
                           "-1.5",
                           "1E5",
                           "0.5e-07",
                           "7.95e-05",
                           "3.2999999999999996e-05",
                           "1795365287.721971",
                           "1234567890123456789012345678901",
                           "12345678901234567890123456789012",
                           "123456789012345678901234567890.5",
                           "1234567890.123456789012345678901",
                           "123456789012345678901234567890123456789.123456789012345678901234567890",
                           R"("")",
                           R"("a")",
                           R"("a text of more than sixteen bytes")",
                           R"("exactly sixteen!")",
                           R"("[{,:}]")",
                           R"("a\"b")",
                           R"("\\")",
                           R"("caf\u00e9 \n and so on and on and on")",
                           "\"\xC3\xA9\"",
                           "\"a text and \xF0\x9F\x98\x80 \\n in it\""}) {
    const std::optional<std::string> walked = Walked(index_, text);
    ASSERT_TRUE(walked) << text;
    for (const char* next : {",", "}", "]", " ,", "\n}"}) {
      for (std::size_t more = 0; more < kBehindMax; ++more) {
        EXPECT_EQ(Read(text, next + std::string(more, '7')), walked) << text << next << more;
      }
    }
  }
}

TEST_F(JsonValueTest, IsNothingElse) {
  for (const char* text : {"",
                           "nul",
                           "nulL",
                           "nullx",
                           "tru",
                           "truefalse",
                           "fals",
                           "NAN",
                           "Inf",
                           "+1",
                           "01",
                           "00",
                           "-",
                           "1.",
                           ".5",
                           "1e",
                           "1e+",
                           "1..2",
                           "1.2.3",
                           "0x1",
                           "1a",
                           "'a'",
                           R"("a)",
                           R"("\x")",
                           R"("\u12")",
                           "\"\n\"",
                           "\"\x01\"",
                           "\"\xC3\"",
                           "\"\xFF\"",
                           "\"\xC3\xA9\n\"",
                           "\"\xC3\xA9\\x\"",
                           "\"\xED\xA0\x80\"",
                           "{",
                           "{}",
                           "[",
                           "[]",
                           "[1]",
                           "}",
                           "]",
                           ":",
                           ",",
                           " 1",
                           " "}) {
    for (std::size_t more = 0; more < kBehindMax; ++more) {
      EXPECT_FALSE(Read(text, ',' + std::string(more, '7'))) << text << more;
      EXPECT_FALSE(Read(text, std::string(more, 'x'))) << text << more;
    }
  }
}

TEST_F(JsonValueTest, RandomTextsAreWhatTheWalkSays) {
  const std::vector<std::string> parts = {"[",        "]",
                                          ",",        ":",
                                          "{",        "\"",
                                          "\\",       "\\u00e9",
                                          " ",        "0",
                                          "1",        "25",
                                          ".",        "e",
                                          "E",        "+",
                                          "-",        "null",
                                          "true",     "false",
                                          "Infinity", "NaN",
                                          "\xC3\xA9", "\n",
                                          "x",        "a text of some length"};
  std::mt19937 random(7);
  std::size_t values = 0;
  for (int round = 0; round < 400'000; ++round) {
    std::string text;
    for (std::size_t count = 1 + random() % 7; count > 0; --count) {
      text += parts[random() % parts.size()];
    }
    // The walk passes over blanks around a value; they are no part of it here.
    if (TrimJsonBlanks(text).size() != text.size()) continue;
    const std::optional<std::string> walked = Walked(index_, text);
    EXPECT_EQ(Read(text, ",\"behind\":null" + std::string(random() % kBehindMax, 'x')), walked)
        << text;
    if (walked) ++values;
  }
  EXPECT_GT(values, 10'000U);
}

TEST_F(JsonValueTest, ArraysGiveTheirElements) {
  const auto read = [&](std::string_view array) -> std::optional<std::string> {
    const std::string_view text = guarded_.Put(array);
    const char* const end = text.data() + text.size();
    std::string seen;
    const char* const behind = ReadElements(text.data(), end, [&](const char* at) {
      JsonValue value;
      const char* const next = ReadScalar(at, end, value);
      seen += next == nullptr ? "?" : Describe(value) + ';';
      return next;
    });
    return behind == end ? std::optional(seen) : std::nullopt;
  };
  EXPECT_EQ(read(R"([ "a",null , 12.5,"\u00e9"])"), R"(6 a;1 null;5 12.5;6\ \u00e9;)");
  for (const char* empty : {"[]", "[ ]", "[\n\t]"}) EXPECT_EQ(read(empty), "") << empty;
  for (const char* wrong : {"[", "[ ", "[1", "[1 ", "[1,", "[1, ", "[1,]", "[,1]", "[1 2]", "[1;2]",
                            "[[1]]", "[{}]", R"(["a)", R"(["a")", "[1}", "[1]]"}) {
    EXPECT_FALSE(read(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace usage_ingest::ingest
