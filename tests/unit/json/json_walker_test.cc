#include "ingest/json/json_walker.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "tests/unit/event/guarded_text.h"

namespace usage_ingest::json {
namespace {

// Whether all of `text` is one JSON container.
bool IsContainer(JsonIndex& index, std::string_view text) {
  if (index.Build(text) != JsonIndex::Status::kOk) return false;
  const JsonWalker json(index);
  const JsonWalker::Token first = json.Container();
  return first != JsonWalker::kBroken && json.Skip(first) == json.end();
}

class JsonWalkerTest : public testing::Test {
 protected:
  bool IsContainer(std::string_view text) { return json::IsContainer(index_, text); }

  JsonIndex index_;
};

TEST_F(JsonWalkerTest, AcceptsJson) {
  for (const char* text :
       {"{}", "[]", " { } ", "[1]", "[-1.5e+10,0,0.0,1E5,10]",
        R"({"a":1,"b":[{},[],""],"c":{"d":null}})", R"(["\u00e9\"\\", "\ud800"])",
        "[true,false,null]", "[NaN,Infinity,-Infinity]", "[ 1 ,\t2\r\n, 3 ]", R"({"":{"":""}})",
        "[[[[[[]]]]]]", R"([ "a" , null ])", R"({"a" : "b" , "c" : null})",
        "[12345678901234567890.12345678901234567890]"}) {
    EXPECT_TRUE(IsContainer(text)) << text;
  }
}

// simdjson's on-demand walk accepts most of these when the wrong part is not read.
TEST_F(JsonWalkerTest, FindsWhatIsNotJson) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "[",
                           "]",
                           "[1",
                           "1]",
                           "[}",
                           "{]",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a" 1})",
                           R"({"a":1,})",
                           R"({,"a":1})",
                           "[1,]",
                           "[,1]",
                           "[1,,2]",
                           "[1 2]",
                           R"(["a" "b"])",
                           R"(["a"x])",
                           R"([x"a"])",
                           R"({1:2})",
                           R"({"a":1 "b":2})",
                           R"({"a":1}{"b":2})",
                           "[1]x",
                           "x[1]",
                           "[1] 2",
                           R"({null:1})",
                           "[nul]",
                           "[nulls]",
                           "[null1]",
                           "[nan]",
                           "[Inf]",
                           "[+Infinity]",
                           "[-NaN]",
                           "[tru]",
                           "[truefalse]",
                           "[TRUE]",
                           "[01]",
                           "[00]",
                           "[-]",
                           "[-01]",
                           "[1.]",
                           "[.5]",
                           "[+1]",
                           "[1e]",
                           "[1e+]",
                           "[1.e5]",
                           "[1..2]",
                           "[1.2.3]",
                           "[0x10]",
                           "[1a]",
                           "[--1]",
                           "[1-2]",
                           R"(["a)",
                           R"(["a\"])",
                           R"(["\x"])",
                           R"(["\u12"])",
                           "[\"a\nb\"]",
                           "[\"\x01\"]",
                           "[\x01]",
                           "['a']",
                           "[/*c*/1]",
                           "[\\n]",
                           "[1\\n]",
                           R"({"a":{"b":[1,2}})",
                           R"([{"a":[1,{"b":2}})",
                           "[[1],[2]",
                           "[1]]",
                           "{}{}",
                           "[:]",
                           "{:}",
                           R"({"a"::1})",
                           R"({"a":1:2})",
                           R"([1:2])",
                           R"(["a":1])",
                           R"({"a","b"})",
                           "[1;2]",
                           "[\xC2\xA0 1]"}) {
    EXPECT_FALSE(IsContainer(text)) << text;
  }
}

TEST_F(JsonWalkerTest, KnowsDepth) {
  for (const std::size_t depth : {63U, 64U, 65U, 127U, 128U, 129U, 1000U}) {
    // Both kinds of bracket, changing places at the borders of its words of bits.
    std::string open;
    std::string close;
    for (std::size_t i = 0; i < depth; ++i) {
      const bool is_object = i % 3 == 0;
      open += is_object ? R"({"k":)" : "[";
      close.insert(close.begin(), is_object ? '}' : ']');
    }
    EXPECT_TRUE(IsContainer(open + "1" + close)) << depth;
    std::string wrong = close;
    wrong[depth / 2] = wrong[depth / 2] == '}' ? ']' : '}';
    EXPECT_FALSE(IsContainer(open + "1" + wrong)) << depth;
  }
}

TEST_F(JsonWalkerTest, ReadsMembers) {
  ASSERT_EQ(
      index_.Build(R"( { "a" : "x\ny" , "b":[1 ,2] ,"c": -1.5e3, "d":12.25 , "e":null,"f":NaN})"),
      JsonIndex::Status::kOk);
  const JsonWalker json(index_);
  std::string seen;
  const auto every = [](std::string_view key) { return std::optional(key); };
  const auto end =
      json.ReadObject(json.Container(), every, [&](std::string_view key, JsonWalker::Token at) {
        JsonValue value;
        const auto next = json.Read(at, value);
        seen += std::string(key) + '=' + std::to_string(static_cast<int>(value.kind));
        seen += ':' + std::string(value.text());
        seen += value.has_escapes ? "! " : " ";
        return next;
      });
  EXPECT_EQ(end, json.end());
  EXPECT_EQ(seen, R"(a=6:x\ny! b=8:[1 ,2] c=5:-1.5e3 d=5:12.25 e=1:null f=2:NaN )");
}

// Of each kind and length: short numbers far from the end are read in another way than others.
TEST_F(JsonWalkerTest, ReadsScalars) {
  using enum JsonKind;
  struct {
    std::string text;
    JsonKind kind;
  } const scalars[] = {{"null", kNull},
                       {"true", kTrue},
                       {"false", kFalse},
                       {"NaN", kNotANumber},
                       {"Infinity", kNotANumber},
                       {"-Infinity", kNotANumber},
                       {"0", kNumber},
                       {"0.0", kNumber},
                       {"7", kNumber},
                       {"-0", kNumber},
                       {"-1.5", kNumber},
                       {"1E5", kNumber},
                       {"0.5e-07", kNumber},
                       {"3.2999999999999996e-05", kNumber},
                       {"1795365287.721971", kNumber},
                       {std::string(30, '7'), kNumber},
                       {std::string(31, '7'), kNumber},
                       {std::string(32, '7'), kNumber},
                       {std::string(29, '7') + ".5", kNumber},
                       {std::string(30, '7') + ".5", kNumber},
                       {std::string(31, '7') + ".5", kNumber},
                       {"1." + std::string(40, '7'), kNumber},
                       {R"("")", kString},
                       {R"("exactly sixteen!")", kString},
                       {R"("[{,:}]")", kString},
                       {R"("a\"b")", kString},
                       {R"("\\")", kString},
                       {"\"a text and \xF0\x9F\x98\x80 \\n in it\"", kString}};
  event::GuardedText guarded;
  for (const auto& [text, kind] : scalars) {
    for (std::size_t more = 0; more < 40; ++more) {
      for (const char* behind : {"]", " ]", ",", "\n,"}) {
        const bool is_last = std::string_view(behind).ends_with(']');
        const std::string rest =
            is_last ? std::string(more, ' ') : std::string(more + 1, '7') + ']';
        ASSERT_EQ(index_.Build(guarded.Put('[' + text + behind + rest)), JsonIndex::Status::kOk);
        const JsonWalker json(index_);
        JsonValue value;
        EXPECT_EQ(json.Read(1, value), 2U) << text << behind << more;
        EXPECT_EQ(value.kind, kind) << text << behind << more;
        const std::string_view inside =
            kind == kString ? std::string_view(text).substr(1, text.size() - 2) : text;
        EXPECT_EQ(value.text(), inside) << text << behind << more;
        EXPECT_EQ(value.has_escapes, text.contains('\\')) << text;
      }
    }
  }
}

// simdjson asks for padding behind every text; we promise not to need it.
TEST_F(JsonWalkerTest, ReadsNothingBehindTheText) {
  event::GuardedText guarded;
  for (std::string text :
       {"[]", "[1]", "[null]", R"(["a"])", R"({"a":12.5})", "[", "1", R"("a)", "[tru", "[nul",
        R"({"a":1})", R"({"id":"x","startTime":1795365287.721971})", "[\xE2\x82"}) {
    for (std::size_t more = 0; more < 130; ++more) {
      // ignored because it must not crash
      static_cast<void>(IsContainer(guarded.Put(std::string(more, ' ') + text)));
    }
  }
}

// Fuzzing found that `{"":}` was read one byte too far: the walk looked at what follows a value
// before it knew that there is a value. Here is every text of up to six tokens.
TEST_F(JsonWalkerTest, ReadsNothingBehindAnyTokens) {
  constexpr std::string_view kTokens[] = {"{", "}", "[", "]", ",", ":", R"("a")", "1", "null"};
  constexpr std::size_t kKinds = std::size(kTokens);
  event::GuardedText guarded;
  std::size_t containers = 0;
  std::size_t sequences = 1;
  for (std::size_t length = 1; length <= 6; ++length) {
    sequences *= kKinds;
    for (std::size_t number = 0; number < sequences; ++number) {
      std::string text;
      for (std::size_t i = 0, rest = number; i < length; ++i, rest /= kKinds) {
        text += kTokens[rest % kKinds];
      }
      if (IsContainer(guarded.Put(text))) ++containers;
    }
  }
  EXPECT_EQ(containers, 49U) << "as many as Python's json takes";
}

TEST_F(JsonWalkerTest, GivesMemoryBack) {
  const std::string large = '[' + std::string(4 << 20, ' ') + ']';
  EXPECT_TRUE(IsContainer(large));
  EXPECT_GE(index_.capacity(), large.size());
  EXPECT_TRUE(IsContainer("[1]"));
  EXPECT_LE(index_.capacity(), JsonIndex::kKeepBytes);
}

// Members that are not read are skipped by other code than the one that reads.
TEST_F(JsonWalkerTest, FindsWhatIsWrongInMembersThatAreNotRead) {
  const auto ends = [&](const std::string& members) {
    const std::string text = '{' + members + '}';
    if (index_.Build(text) != JsonIndex::Status::kOk) return false;
    const JsonWalker json(index_);
    const auto none = [](std::string_view) -> const int* { return nullptr; };
    const auto never = [](int, JsonWalker::Token at) { return at; };
    return json.ReadObject(json.Container(), none, never) == json.end();
  };
  for (const char* good : {"", R"("a":"b")", R"("a":"b","c":null)", R"("a" : null , "c":1)",
                           R"("a":null ,"b":{},"c":[])", R"("a":NaN,"b":[1,{"c":2}])"}) {
    EXPECT_TRUE(ends(good)) << good;
  }
  for (const char* wrong :
       {R"("a")", R"("a":)", R"("a":"b",)", R"("a":"b""c":null)", R"("a":nul,"b":1)",
        R"("a":nulll,"b":1)", R"("a":null "b":1)", R"("a":nuts,"b":1)", R"("a":"b":"c")",
        R"("a","b":1)", R"("a":1]["b":2)", R"("a":[1,"b":2)", R"(1:"a","b":1)", R"("a":,"b":1)"}) {
    EXPECT_FALSE(ends(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace usage_ingest::json
