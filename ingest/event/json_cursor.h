#pragma once
// JsonCursor: one walk over a JSON text by the positions of its tokens.
//
// Reads what the caller asks for and checks everything else that it passes, so that when the walk
// ends well the whole text is JSON (RFC 8259, and NaN, Infinity, -Infinity where a number may
// stand). No recursion: nesting of any depth costs one bit a level.
//
// Shape         values are views of the text; the index must outlive them.
// Errors        false: the text is not JSON. The cursor is not to be used any more.
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "ingest/event/json_index.h"
#include "ingest/event/json_text.h"

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
  std::uint32_t size = 0;       // of a container: which token it is, for JsonCursor::At
  JsonKind kind = JsonKind::kMissing;
  bool has_escapes = false;  // of a string: whether it may have some

  [[nodiscard]] std::string_view text() const noexcept { return {begin, size}; }
};

class JsonCursor {
 public:
  // At the first token. REQUIRES: Build returned kOk.
  explicit JsonCursor(const JsonIndex& index, std::size_t token = 0)
      : text_(index.text().data()),
        first_(index.positions().data()),
        at_(first_ + token),
        end_(first_ + index.positions().size()),
        has_escapes_(index.has_escapes()) {}

  // True when the text begins with [ or { and may be walked by the functions below: they rely on
  // a bracket being the last token, and check for the end behind closing brackets only.
  [[nodiscard]] bool StartsContainer() const {
    if (at_ == end_ || (*Here() != '{' && *Here() != '[')) return false;
    const char last = text_[end_[-1]];
    return last == '}' || last == ']';
  }
  [[nodiscard]] bool AtObject() const { return *Here() == '{'; }
  [[nodiscard]] bool AtArray() const { return *Here() == '['; }
  [[nodiscard]] bool AtEnd() const { return at_ == end_; }
  [[nodiscard]] std::size_t token() const { return static_cast<std::size_t>(at_ - first_); }
  // Where the next token is in the text, for messages; the end of the text behind the last.
  [[nodiscard]] std::size_t offset() const { return at_ < end_ ? *at_ : end_[-1] + 1; }
  // Where the token before it is: of the closing bracket, behind a container.
  [[nodiscard]] std::size_t previous_offset() const { return at_[-1]; }

  // Any value; of a container only that it is one. Leaves the cursor behind it.
  [[nodiscard]] bool Read(JsonValue& value);
  [[nodiscard]] bool Skip();

  // REQUIRES: AtObject(). Calls bool on_member(JsonValue key) with the cursor at the value, which
  // it must read or skip; false ends the walk.
  template <class OnMember>
  [[nodiscard]] bool ReadObject(OnMember&& on_member);
  // REQUIRES: AtArray(). Calls bool on_element() likewise.
  template <class OnElement>
  [[nodiscard]] bool ReadArray(OnElement&& on_element);

 private:
  [[nodiscard]] const char* Here() const { return text_ + *at_; }
  // One past the token's last byte. REQUIRES: it is not the last token.
  [[nodiscard]] const char* TokenEnd() const {
    const char* end = text_ + at_[1];
    while (IsJsonBlank(end[-1])) --end;
    return end;
  }
  [[nodiscard]] bool ReadString(JsonValue& value);
  [[nodiscard]] bool ReadScalar(JsonValue& value);
  [[nodiscard]] bool SkipScalar();
  [[nodiscard]] bool SkipKey();
  [[nodiscard]] bool SkipContainer();

  const char* text_;
  const std::uint32_t* first_;
  const std::uint32_t* at_;
  const std::uint32_t* end_;
  bool has_escapes_;
};

// The kind of a scalar token that is no string; kMissing when it is not JSON.
[[nodiscard]] JsonKind ClassifyScalar(std::string_view token);

inline bool JsonCursor::ReadString(JsonValue& value) {
  const char* const begin = Here() + 1;
  const char* const end = TokenEnd() - 1;
  value.begin = begin;
  value.size = static_cast<std::uint32_t>(end - begin);
  value.kind = JsonKind::kString;
  value.has_escapes = has_escapes_;
  ++at_;
  return *end == '"' && end >= begin;
}

inline bool JsonCursor::Skip() {
  const char c = *Here();
  if (c == '{' || c == '[') return SkipContainer();
  return SkipScalar();
}

template <class OnMember>
bool JsonCursor::ReadObject(OnMember&& on_member) {
  ++at_;
  if (*Here() == '}') {
    ++at_;
    return true;
  }
  for (;;) {
    if (*Here() != '"') return false;
    JsonValue key;
    if (!ReadString(key)) return false;
    if (*Here() != ':') return false;
    ++at_;
    if (!on_member(key) || at_ == end_) return false;
    const char c = *Here();
    ++at_;
    if (c == '}') return true;
    if (c != ',') return false;
  }
}

template <class OnElement>
bool JsonCursor::ReadArray(OnElement&& on_element) {
  ++at_;
  if (*Here() == ']') {
    ++at_;
    return true;
  }
  for (;;) {
    if (!on_element() || at_ == end_) return false;
    const char c = *Here();
    ++at_;
    if (c == ']') return true;
    if (c != ',') return false;
  }
}

}  // namespace usage_ingest::ingest
