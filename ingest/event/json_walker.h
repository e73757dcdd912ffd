#pragma once
// JsonWalker: from token to token of a JSON text.
//
// Reads what the caller asks for and checks everything else that it passes, so that when a walk
// ends well the whole text is JSON (RFC 8259, and NaN, Infinity, -Infinity where a number may
// stand). No recursion over the text: nesting of any depth costs one bit a level.
//
// It has no position of its own. Every step takes a token and gives the one behind what it walked
// over, nullptr when the text is not JSON: positions stay in registers, and two walks can share it.
//
// Shape         values are views of the text; the index must outlive them.
#include <cstdint>
#include <cstring>
#include <string_view>

#include "ingest/event/json_index.h"
#include "ingest/event/json_text.h"
#include "ingest/event/plain_number.h"

namespace usage_ingest::ingest {

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

// 16 bytes, so that the values of a whole event are cleared in no time.
struct JsonValue {
  const char* begin = nullptr;  // of a string: behind the quote
  std::uint32_t size = 0;       // of a container: which token it is, for JsonWalker::At
  JsonKind kind = JsonKind::kMissing;
  bool has_escapes = false;               // of a string: whether it may have some
  std::uint8_t dot = PlainNumber::kNone;  // of a number: see PlainNumber

  [[nodiscard]] std::string_view text() const noexcept { return {begin, size}; }
};

struct JsonScalar {
  const char* end = nullptr;
  JsonKind kind = JsonKind::kMissing;  // it is not JSON
  std::uint8_t dot = PlainNumber::kNone;
};
// The scalar at `begin` that is no string; `next` is where the next token begins, which is what
// ends a scalar that no blank ends. REQUIRES: *next can be read and is no part of a scalar.
[[nodiscard]] JsonScalar ClassifyScalar(const char* begin, const char* next);

class JsonWalker {
 public:
  using Token = const std::uint32_t*;  // its offset in the text

  // REQUIRES: Build returned kOk.
  explicit JsonWalker(const JsonIndex& index)
      : text_(index.text().data()),
        text_end_(text_ + index.text().size()),
        first_(index.positions().data()),
        end_(first_ + index.positions().size()),
        escapes_(index.escapes()) {}

  // The first token when the text begins with [ or { and ends with a bracket, else nullptr. The
  // functions below rely on that: they look for the end behind closing brackets only.
  [[nodiscard]] Token Container() const {
    if (first_ == end_) return nullptr;
    const char last = text_[end_[-1]];
    const bool is_container = IsObject(first_) || IsArray(first_);
    return is_container && (last == '}' || last == ']') ? first_ : nullptr;
  }
  [[nodiscard]] Token end() const { return end_; }
  [[nodiscard]] bool IsObject(Token at) const { return text_[*at] == '{'; }
  [[nodiscard]] bool IsArray(Token at) const { return text_[*at] == '['; }
  // The container that `value` was read from.
  [[nodiscard]] Token At(const JsonValue& value) const { return first_ + value.size; }
  [[nodiscard]] std::uint32_t NumberOf(Token at) const {
    return static_cast<std::uint32_t>(at - first_);
  }

  // From `at` to `next`, without the blanks before that.
  [[nodiscard]] std::string_view TextBetween(Token at, Token next) const {
    return TrimJsonBlanks({text_ + *at, text_ + *next});
  }

  // Any value; of a container only that it is one.
  [[nodiscard]] Token Read(Token at, JsonValue& value) const;
  [[nodiscard]] Token Skip(Token at) const;

  // REQUIRES: IsObject(at). Calls Token on_member(std::string_view raw_key, Token value), which
  // must walk over the value.
  template <class OnMember>
  [[nodiscard]] Token ReadObject(Token at, OnMember&& on_member) const;
  // REQUIRES: IsArray(at). Calls Token on_element(Token value) likewise.
  template <class OnElement>
  [[nodiscard]] Token ReadArray(Token at, OnElement&& on_element) const;

  // Whether `text`, a part of the whole, may have escapes: most texts have none at all.
  [[nodiscard]] bool MayHaveEscapes(std::string_view text) const {
    return text.data() < escapes_.end && text.data() + text.size() > escapes_.begin;
  }

 private:
  [[nodiscard]] Token SkipContainer(Token at) const;
  // At a token that is no bracket, `next` being the one behind it.
  [[nodiscard]] JsonScalar ScalarAt(const char* begin, const char* next) const;
  [[nodiscard]] Token SkipPlainMembers(Token at) const;

  const char* text_;
  const char* text_end_;
  Token first_;
  Token end_;
  EscapeRange escapes_;
};

// The most frequent scalar, when the next token follows at once.
inline bool IsNull(const char* begin, const char* next) {
  constexpr std::string_view kNull = "null";
  return next == begin + kNull.size() && std::memcmp(begin, kNull.data(), kNull.size()) == 0;
}

inline JsonScalar JsonWalker::ScalarAt(const char* begin, const char* next) const {
  if (IsNull(begin, next)) return {next, JsonKind::kNull};
  const std::uint8_t dot = PlainNumber::FindDot(begin, next, text_end_);
  if (dot != PlainNumber::kNone) return {next, JsonKind::kNumber, dot};
  return ClassifyScalar(begin, next);
}

// Of the string before the token at `next`: stage 1 puts nothing but blanks between them.
inline const char* ClosingQuote(const char* next) {
  do --next;
  while (*next != '"');
  return next;
}

inline JsonWalker::Token JsonWalker::Read(Token at, JsonValue& value) const {
  const char* const begin = text_ + at[0];
  if (*begin == '"') {
    value.begin = begin + 1;
    value.size = static_cast<std::uint32_t>(ClosingQuote(text_ + at[1]) - value.begin);
    value.kind = JsonKind::kString;
    value.has_escapes = MayHaveEscapes(value.text());
    return at + 1;
  }
  value.begin = begin;
  if (*begin == '{' || *begin == '[') {
    value.size = NumberOf(at);
    value.kind = *begin == '{' ? JsonKind::kObject : JsonKind::kArray;
    return SkipContainer(at);
  }
  const JsonScalar scalar = ScalarAt(begin, text_ + at[1]);
  value.size = static_cast<std::uint32_t>(scalar.end - begin);
  value.kind = scalar.kind;
  value.dot = scalar.dot;
  return scalar.kind == JsonKind::kMissing ? nullptr : at + 1;
}

inline JsonWalker::Token JsonWalker::Skip(Token at) const {
  const char* const begin = text_ + at[0];
  if (*begin == '"') return at + 1;  // stage 1 knows that it ends
  if (*begin == '{' || *begin == '[') return SkipContainer(at);
  return ScalarAt(begin, text_ + at[1]).kind == JsonKind::kMissing ? nullptr : at + 1;
}

template <class OnMember>
JsonWalker::Token JsonWalker::ReadObject(Token at, OnMember&& on_member) const {
  ++at;
  if (text_[*at] == '}') return at + 1;
  for (;;) {
    const char* const open = text_ + at[0];
    const char* const colon = text_ + at[1];
    if (*open != '"' || *colon != ':') return nullptr;
    at = on_member(std::string_view(open + 1, ClosingQuote(colon)), at + 2);
    if (at == nullptr || at == end_) return nullptr;
    const char c = text_[*at++];
    if (c == '}') return at;
    if (c != ',') return nullptr;
  }
}

template <class OnElement>
JsonWalker::Token JsonWalker::ReadArray(Token at, OnElement&& on_element) const {
  ++at;
  if (text_[*at] == ']') return at + 1;
  for (;;) {
    at = on_element(at);
    if (at == nullptr || at == end_) return nullptr;
    const char c = text_[*at++];
    if (c == ']') return at;
    if (c != ',') return nullptr;
  }
}

}  // namespace usage_ingest::ingest
