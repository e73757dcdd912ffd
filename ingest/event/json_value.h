#pragma once
// JsonValue: a value of a JSON text, as a view of it; and how one that is no container is read
// where it stands, without an index.
//
// Nothing here reads beyond the end that it is given.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "ingest/event/json_text.h"
#include "ingest/event/plain_number.h"
#if defined(__SSE2__)  // part of x86-64
#include <emmintrin.h>
#endif

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
// The scalar at `begin` that is no string; `next` is where the next token begins, which is what
// ends a scalar that no blank ends. REQUIRES: *next can be read and is no part of a scalar.
[[nodiscard]] JsonScalar ClassifyScalar(const char* begin, const char* next);

// Whether a scalar that is no string may end before `c`.
[[nodiscard]] constexpr bool EndsScalar(char c) {
  return c == ',' || c == '}' || c == ']' || IsJsonBlank(c);
}

// Reads the string, the number or the word at `at`. Returns what is behind it, which may be
// anything behind a string or a word; nullptr when it is none of them or not JSON. REQUIRES: at !=
// end, and `value` is clear; it is in any state afterwards when nothing was read.
[[nodiscard]] const char* ReadScalar(const char* at, const char* end, JsonValue& value);

// Calls const char* on_element(const char* at) for the elements of the array at `at`, which must
// do likewise. Returns what is behind the array. REQUIRES: *at == '['.
template <class OnElement>
[[nodiscard]] const char* ReadElements(const char* at, const char* end, OnElement&& on_element);

namespace json_value_internal {

// The first byte from `at` on that is special in a string: a quote, a backslash, a control
// character, or none of ASCII. `end` when there is none.
inline const char* FindSpecial(const char* at, const char* end) {
#if defined(__SSE2__)
  constexpr std::ptrdiff_t kVector = sizeof(__m128i);
  constexpr unsigned kAll = 0xFFFF;
  for (; end - at >= kVector; at += kVector) {
    const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const auto quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    const auto backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    const auto texts = _mm_cmpgt_epi8(bytes, _mm_set1_epi8(' ' - 1));  // not ASCII is negative
    const auto plain = _mm_andnot_si128(_mm_or_si128(quotes, backslashes), texts);
    const auto special = static_cast<unsigned>(_mm_movemask_epi8(plain)) ^ kAll;
    if (special != 0) return at + std::countr_zero(special);
  }
#endif
  while (at < end && *at != '"' && *at != '\\' && static_cast<signed char>(*at) >= ' ') ++at;
  return at;
}

// What is read seldom, or too near to the end.
[[nodiscard]] const char* ReadOtherString(const char* at, const char* end, JsonValue& value);
[[nodiscard]] const char* ReadOtherScalar(const char* at, const char* end, JsonValue& value);

// The inside of a string begins at `at`.
inline const char* ReadString(const char* at, const char* end, JsonValue& value) {
  value.begin = at;
  value.kind = JsonKind::kString;
  for (;;) {
    at = FindSpecial(at, end);
    if (at == end) return nullptr;
    if (*at == '"') break;
    if (*at != '\\') return ReadOtherString(at, end, value);
    const std::size_t length = EscapeLength({at, end}, 0);
    if (length == 0) return nullptr;
    value.has_escapes = true;
    at += length;
  }
  value.size = static_cast<std::uint32_t>(at - value.begin);
  return at + 1;
}

// A template, so that the comparison is one of known length.
template <std::size_t kSize>
[[gnu::always_inline]] inline bool IsWordAt(const char* at, const char (&word)[kSize]) {
  return std::memcmp(at, word, kSize - 1) == 0;
}

}  // namespace json_value_internal

[[gnu::always_inline]] inline const char* ReadScalar(const char* at, const char* end,
                                                     JsonValue& value) {
  using namespace json_value_internal;
  if (*at == '"') return ReadString(at + 1, end, value);
  if (end - at < static_cast<std::ptrdiff_t>(PlainNumber::kReadBytes)) {
    return ReadOtherScalar(at, end, value);
  }
  const auto read = [&](JsonKind kind, std::size_t size, std::uint8_t dot = PlainNumber::kNone) {
    value.begin = at;
    value.size = static_cast<std::uint32_t>(size);
    value.kind = kind;
    value.dot = dot;
    return at + size;
  };
  if (*at <= '9') {
    const PlainNumber::Found number = PlainNumber::Find(at);
    if (number.dot != PlainNumber::kNone && EndsScalar(at[number.size])) {
      return read(JsonKind::kNumber, number.size, number.dot);
    }
  } else {
    if (IsWordAt(at, "null")) return read(JsonKind::kNull, 4);
    if (IsWordAt(at, "true")) return read(JsonKind::kTrue, 4);
    if (IsWordAt(at, "false")) return read(JsonKind::kFalse, 5);
  }
  return ReadOtherScalar(at, end, value);
}

template <class OnElement>
const char* ReadElements(const char* at, const char* end, OnElement&& on_element) {
  const auto skip_blanks = [&at, end] {
    while (at < end && IsJsonBlank(*at)) ++at;
  };
  ++at;
  skip_blanks();
  if (at < end && *at == ']') return at + 1;
  for (;; ++at) {
    skip_blanks();
    if (at == end) return nullptr;
    at = on_element(at);
    if (at == nullptr) return nullptr;
    skip_blanks();
    if (at == end) return nullptr;
    if (*at == ']') return at + 1;
    if (*at != ',') return nullptr;
  }
}

}  // namespace usage_ingest::ingest
