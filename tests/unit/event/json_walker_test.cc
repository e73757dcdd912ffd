#include "ingest/event/json_walker.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace usage_ingest::ingest {
namespace {

// Whether all of `text` is one JSON container.
bool IsContainer(JsonIndex& index, std::string_view text) {
  if (index.Build(text) != JsonIndex::Status::kOk) return false;
  const JsonWalker json(index);
  const JsonWalker::Token first = json.Container();
  return first != nullptr && json.Skip(first) == json.end();
}

bool IsContainer(std::string_view text) {
  JsonIndex index;
  return IsContainer(index, text);
}

TEST(JsonWalkerTest, AcceptsJson) {
  for (const char* text :
       {"{}", "[]", " { } ", "[1]", "[-1.5e+10,0,0.0,1E5,10]",
        R"({"a":1,"b":[{},[],""],"c":{"d":null}})", R"(["\u00e9\"\\", "\ud800"])",
        "[true,false,null]", "[NaN,Infinity,-Infinity]", "[ 1 ,\t2\r\n, 3 ]", R"({"":{"":""}})",
        "[[[[[[]]]]]]", R"([ "a" , null ])", R"({"a" : "b" , "c" : null})",
        "[12345678901234567890.12345678901234567890]"}) {
    EXPECT_TRUE(IsContainer(text)) << text;
  }
}

// simdjson's on-demand walk accepts most of these when nobody asks for the part that is wrong.
TEST(JsonWalkerTest, FindsWhatIsNotJson) {
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

TEST(JsonWalkerTest, KnowsDepth) {
  JsonIndex index;
  for (const std::size_t depth : {63U, 64U, 65U, 127U, 128U, 129U, 1000U}) {
    // Both kinds of bracket, changing places at the borders of its words of bits.
    std::string open;
    std::string close;
    for (std::size_t i = 0; i < depth; ++i) {
      const bool is_object = i % 3 == 0;
      open += is_object ? R"({"k":)" : "[";
      close.insert(close.begin(), is_object ? '}' : ']');
    }
    EXPECT_TRUE(IsContainer(index, open + "1" + close)) << depth;
    std::string wrong = close;
    wrong[depth / 2] = wrong[depth / 2] == '}' ? ']' : '}';
    EXPECT_FALSE(IsContainer(index, open + "1" + wrong)) << depth;
  }
}

TEST(JsonWalkerTest, ReadsMembers) {
  JsonIndex index;
  ASSERT_EQ(
      index.Build(R"( { "a" : "x\ny" , "b":[1,2] ,"c": -1.5e3, "d":12.25 , "e":null,"f":NaN})"),
      JsonIndex::Status::kOk);
  const JsonWalker json(index);
  std::string seen;
  const auto end =
      json.ReadObject(json.Container(), [&](std::string_view key, JsonWalker::Token at) {
        JsonValue value;
        const auto next = json.Read(at, value);
        seen += std::string(key) + '=' + std::to_string(static_cast<int>(value.kind));
        if (value.kind == JsonKind::kArray) {
          EXPECT_TRUE(json.IsArray(json.At(value)));
        } else {
          seen += ':' + std::string(value.text());
        }
        seen += value.has_escapes ? "! " : " ";
        return next;
      });
  EXPECT_EQ(end, json.end());
  EXPECT_EQ(seen, R"(a=6:x\ny! b=8 c=5:-1.5e3 d=5:12.25 e=1:null f=2:NaN )");
}

// Texts that end where memory ends.
class GuardedText {
 public:
  GuardedText()
      : page_(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))),
        pages_(static_cast<char*>(
            mmap(nullptr, 3 * page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    EXPECT_NE(pages_, MAP_FAILED);
    EXPECT_EQ(mprotect(pages_ + 2 * page_, page_, PROT_NONE), 0);
  }
  ~GuardedText() { munmap(pages_, 3 * page_); }
  GuardedText(const GuardedText&) = delete;
  GuardedText& operator=(const GuardedText&) = delete;

  std::string_view Put(std::string_view text) {
    char* const at = pages_ + 2 * page_ - text.size();
    std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }

 private:
  std::size_t page_;
  char* pages_;
};

// simdjson asks for padding behind every text; we promise not to need it.
TEST(JsonWalkerTest, ReadsNothingBehindTheText) {
  GuardedText guarded;
  JsonIndex index;
  for (std::string text :
       {"[]", "[1]", "[null]", R"(["a"])", R"({"a":12.5})", "[", "1", R"("a)", "[tru", "[nul",
        R"({"a":1})", R"({"id":"x","startTime":1795365287.721971})", "[\xE2\x82"}) {
    for (std::size_t more = 0; more < 130; ++more) {
      // ignored because it must not crash
      static_cast<void>(IsContainer(index, guarded.Put(std::string(more, ' ') + text)));
    }
  }
}

// Fuzzing found that `{"":}` was read one byte too far: the walk looked at what follows a value
// before it knew that there is a value. Here is every text of up to six tokens.
TEST(JsonWalkerTest, ReadsNothingBehindAnyTokens) {
  constexpr std::string_view kTokens[] = {"{", "}", "[", "]", ",", ":", R"("a")", "1", "null"};
  constexpr std::size_t kKinds = std::size(kTokens);
  GuardedText guarded;
  JsonIndex index;
  std::size_t containers = 0;
  std::size_t sequences = 1;
  for (std::size_t length = 1; length <= 6; ++length) {
    sequences *= kKinds;
    for (std::size_t number = 0; number < sequences; ++number) {
      std::string text;
      for (std::size_t i = 0, rest = number; i < length; ++i, rest /= kKinds) {
        text += kTokens[rest % kKinds];
      }
      if (IsContainer(index, guarded.Put(text))) ++containers;
    }
  }
  EXPECT_EQ(containers, 49U) << "as many as Python's json takes";
}

TEST(JsonIndexTest, GivesMemoryBack) {
  JsonIndex index;
  const std::string large = '[' + std::string(4 << 20, ' ') + ']';
  EXPECT_TRUE(IsContainer(index, large));
  EXPECT_GE(index.capacity(), large.size());
  EXPECT_TRUE(IsContainer(index, "[1]"));
  EXPECT_LE(index.capacity(), JsonIndex::kKeepBytes);
}

}  // namespace
}  // namespace usage_ingest::ingest
