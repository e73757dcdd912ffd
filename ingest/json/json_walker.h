#pragma once
// JsonWalker: from token to token of a JSON text.
//
// Reads what the caller asks for and checks everything else that it passes, so that when a walk
// ends well the whole text is JSON (RFC 8259, and NaN, Infinity, -Infinity where a number may
// stand). No recursion over the text: nesting of any depth costs one bit a level.
//
// It has no position of its own. Every step takes a token and gives the one behind what it walked
// over, kBroken when the text is not JSON: positions stay in registers, and two walks can share it.
// It looks at the bytes that tokens begin with, several at a time, and at the text only to read
// what is asked for and to check numbers and words.
//
// Shape         values are views of the text; the index must outlive them.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "ingest/json/json_index.h"
#include "ingest/json/json_text.h"
#include "ingest/json/plain_number.h"

namespace usage_ingest::json {

enum class JsonKind : unsigned char {
  kMissing,
  kNull,
  kNotANumber,  // NaN, Infinity, -Infinity
  kFalse,
  kTrue,
  kNumber,
  kString,
  kObject,
  kArray,
};

// 16 bytes without a hole, so that one is cleared or copied by one instruction.
struct JsonValue {
  const char* begin = nullptr;  // of a string: behind the quote
  std::uint32_t size = 0;       // of a container: with its brackets
  JsonKind kind = JsonKind::kMissing;
  bool has_escapes = false;               // of a string: whether it may have some
  std::uint8_t dot = PlainNumber::kNone;  // of a number: see PlainNumber
  std::uint8_t unused = 0;

  [[nodiscard]] std::string_view text() const noexcept { return {begin, size}; }
};

struct JsonScalar {
  const char* end = nullptr;
  JsonKind kind = JsonKind::kMissing;  // it is not JSON
  std::uint8_t dot = PlainNumber::kNone;
};
// The scalar at `begin`, which is no string; `next` is where the next token begins, which is what
// ends a scalar that no blank ends. REQUIRES: *next can be read and is no part of a scalar.
[[nodiscard]] JsonScalar ClassifyScalar(const char* begin, const char* next);

class JsonWalker {
 public:
  using Token = std::size_t;  // which one
  static constexpr Token kBroken = static_cast<Token>(-1);

  // REQUIRES: Build returned kOk.
  explicit JsonWalker(const JsonIndex& index)
      : text_(index.text().data()),
        text_end_(text_ + index.text().size()),
        kinds_(index.kinds()),
        offsets_(index.offsets()),
        end_(index.size()),
        escapes_(index.escapes()) {}

  // The first token when the text begins with [ or { and ends with a bracket, else kBroken. The
  // functions below rely on that: behind every value there is a token.
  [[nodiscard]] Token Container() const {
    if (end_ == 0) return kBroken;
    const char last = kinds_[end_ - 1];
    const bool is_container = IsObject(0) || IsArray(0);
    return is_container && (last == '}' || last == ']') ? 0 : kBroken;
  }
  [[nodiscard]] Token end() const { return end_; }
  [[nodiscard]] const char* text_end() const { return text_end_; }
  [[nodiscard]] const char* Begin(Token at) const { return text_ + offsets_[at]; }
  [[nodiscard]] bool IsObject(Token at) const { return kinds_[at] == '{'; }
  [[nodiscard]] bool IsArray(Token at) const { return kinds_[at] == '['; }
  // The value that a bracket begins and the token before `next` ends.
  [[nodiscard]] JsonValue Container(Token at, Token next) const {
    return {.begin = Begin(at),
            .size = static_cast<std::uint32_t>(TextBetween(at, next).size()),
            .kind = IsObject(at) ? JsonKind::kObject : JsonKind::kArray,
            .has_escapes = false,
            .dot = PlainNumber::kNone,
            .unused = 0};
  }

  // From `at` to `next`, without the blanks before that.
  [[nodiscard]] std::string_view TextBetween(Token at, Token next) const {
    return TrimJsonBlanks({Begin(at), Begin(next)});
  }

  // Any value; of a container, all of it.
  [[nodiscard]] Token Read(Token at, JsonValue& value) const;
  [[nodiscard]] Token Skip(Token at) const;

  // REQUIRES: IsObject(at). Asks find(std::string_view raw_key) which members are
  // wanted, and calls for those it has an answer for Token on_member(*answer, Token value), which
  // must walk over the value.
  template <class Find, class OnMember>
  [[nodiscard]] Token ReadObject(Token at, Find&& find, OnMember&& on_member) const;
  // REQUIRES: IsArray(at). Calls Token on_element(Token value) likewise.
  template <class OnElement>
  [[nodiscard]] Token ReadArray(Token at, OnElement&& on_element) const;

  // Whether `text`, a part of the whole, may have escapes: most texts have none at all.
  [[nodiscard]] bool MayHaveEscapes(std::string_view text) const {
    return text.data() < escapes_.end && text.data() + text.size() > escapes_.begin;
  }

 private:
  static constexpr auto kMember = std::bit_cast<std::uint16_t>(std::array{'"', ':'});
  static constexpr auto kNullMember = std::bit_cast<std::uint32_t>(std::array{'"', ':', 'n', ','});
  static constexpr auto kTextMember = std::bit_cast<std::uint32_t>(std::array{'"', ':', '"', ','});

  // What the tokens from `at` on begin with, as many as Word has bytes.
  template <class Word>
  [[nodiscard]] Word KindsAt(Token at) const {
    Word word;
    std::memcpy(&word, kinds_ + at, sizeof word);
    return word;
  }
  [[nodiscard]] bool IsKey(Token at) const { return KindsAt<std::uint16_t>(at) == kMember; }
  // The most frequent scalar, when the next token follows at once.
  [[nodiscard]] bool IsNull(Token at) const;
  // A string, a number or a word.
  [[nodiscard]] bool IsScalar(Token at) const {
    return kinds_[at] == '"' || (at + 1 < end_ && ScalarAt(at).kind != JsonKind::kMissing);
  }
  [[nodiscard]] Token SkipContainer(Token at) const;
  [[nodiscard]] Token SkipPlainMembers(Token at) const;
  // At a token that is neither a bracket nor a quote.
  [[nodiscard]] JsonScalar ScalarAt(Token at) const;

  const char* text_;
  const char* text_end_;
  const char* kinds_;
  const std::uint32_t* offsets_;
  Token end_;
  EscapeRange escapes_;
};

inline bool JsonWalker::IsNull(Token at) const {
  constexpr std::string_view kNull = "null";
  return offsets_[at + 1] == offsets_[at] + kNull.size() &&
         std::memcmp(Begin(at), kNull.data(), kNull.size()) == 0;
}

inline JsonScalar JsonWalker::ScalarAt(Token at) const {
  const char* const begin = Begin(at);
  const char* const next = Begin(at + 1);
  if (kinds_[at] == 'n') {
    if (IsNull(at)) return {next, JsonKind::kNull};
  } else if (const std::uint8_t dot = PlainNumber::FindDot(begin, next, text_end_);
             dot != PlainNumber::kNone) {
    return {next, JsonKind::kNumber, dot};
  }
  return ClassifyScalar(begin, next);
}

// Of the string before the token at `next`: stage 1 puts nothing but blanks between them.
inline const char* ClosingQuote(const char* next) {
  do --next;
  while (*next != '"');
  return next;
}

inline JsonWalker::Token JsonWalker::Read(Token at, JsonValue& value) const {
  const char kind = kinds_[at];
  const char* const begin = Begin(at);
  if (kind == '"') {
    value.begin = begin + 1;
    value.size = static_cast<std::uint32_t>(ClosingQuote(Begin(at + 1)) - value.begin);
    value.kind = JsonKind::kString;
    value.has_escapes = MayHaveEscapes(value.text());
    return at + 1;
  }
  value.begin = begin;
  if (kind == '{' || kind == '[') {
    const Token next = SkipContainer(at);
    if (next != kBroken) value = Container(at, next);
    return next;
  }
  if (at + 1 >= end_) return kBroken;
  const JsonScalar scalar = ScalarAt(at);
  value.size = static_cast<std::uint32_t>(scalar.end - begin);
  value.kind = scalar.kind;
  value.dot = scalar.dot;
  return scalar.kind == JsonKind::kMissing ? kBroken : at + 1;
}

inline JsonWalker::Token JsonWalker::Skip(Token at) const {
  const char kind = kinds_[at];
  if (kind == '"') return at + 1;  // stage 1 knows that it ends
  if (kind == '{' || kind == '[') return SkipContainer(at);
  return IsScalar(at) ? at + 1 : kBroken;
}

template <class Find, class OnMember>
JsonWalker::Token JsonWalker::ReadObject(Token at, Find&& find, OnMember&& on_member) const {
  ++at;
  if (kinds_[at] == '}') return at + 1;
  for (;;) {
    const auto kinds = KindsAt<std::uint32_t>(at);
    if (static_cast<std::uint16_t>(kinds) != kMember) return kBroken;
    const char* const key = Begin(at) + 1;
    const auto found = find(std::string_view(key, ClosingQuote(Begin(at + 1))));
    if (found) {
      at = on_member(*found, at + 2);
    } else if (kinds == kTextMember || (kinds == kNullMember && IsNull(at + 2))) {
      at += 4;
      continue;
    } else {
      at = Skip(at + 2);
    }
    if (at == kBroken) return kBroken;
    const char kind = kinds_[at++];
    if (kind == ',') continue;
    return kind == '}' ? at : kBroken;
  }
}

template <class OnElement>
JsonWalker::Token JsonWalker::ReadArray(Token at, OnElement&& on_element) const {
  ++at;
  if (kinds_[at] == ']') return at + 1;
  for (;;) {
    at = on_element(at);
    if (at == kBroken) return kBroken;
    const char kind = kinds_[at++];
    if (kind == ']') return at;
    if (kind != ',') return kBroken;
  }
}

}  // namespace usage_ingest::json
