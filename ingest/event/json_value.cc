#include "ingest/event/json_value.h"

#include <simdjson.h>

#include <cstring>

namespace usage_ingest::ingest {
namespace {

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The end of the number at `at`, nullptr when it is none (RFC 8259, section 6). Stops at the first
// byte that is no part of one.
const char* NumberEnd(const char* at) {
  const auto take_digits = [&at] {
    const char* const first = at;
    while (IsDigit(*at)) ++at;
    return at != first;
  };
  if (*at == '-') ++at;
  if (*at == '0') {
    ++at;
  } else if (!take_digits()) {
    return nullptr;
  }
  if (*at == '.') {
    ++at;
    if (!take_digits()) return nullptr;
  }
  if (*at == 'e' || *at == 'E') {
    ++at;
    if (*at == '-' || *at == '+') ++at;
    if (!take_digits()) return nullptr;
  }
  return at;
}

// Whether the scalar that ends at `end` is followed by the next token or a blank: stage 1 takes
// what sticks together for one token.
bool EndsAt(const char* end, const char* next) { return end == next || IsJsonBlank(*end); }

// A template, so that the comparison is one of known length.
template <std::size_t kSize>
JsonScalar Word(const char* begin, const char* next, const char (&word)[kSize], JsonKind kind) {
  constexpr std::ptrdiff_t kLength = kSize - 1;
  if (next - begin < kLength || std::memcmp(begin, word, kLength) != 0) return {};
  if (!EndsAt(begin + kLength, next)) return {};
  return {begin + kLength, kind};
}

}  // namespace

JsonScalar ClassifyScalar(const char* begin, const char* next) {
  switch (*begin) {
    case 'n':
      return Word(begin, next, "null", JsonKind::kNull);
    case 't':
      return Word(begin, next, "true", JsonKind::kTrue);
    case 'f':
      return Word(begin, next, "false", JsonKind::kFalse);
    case 'N':
      return Word(begin, next, "NaN", JsonKind::kNotANumber);
    case 'I':
      return Word(begin, next, "Infinity", JsonKind::kNotANumber);
    default:
      break;
  }
  const char* const end = NumberEnd(begin);
  if (end == nullptr) return Word(begin, next, "-Infinity", JsonKind::kNotANumber);
  if (!EndsAt(end, next)) return {};
  return {end, JsonKind::kNumber};
}

namespace json_value_internal {

// From `at` on, which is not ASCII or may not stand in a string.
const char* ReadOtherString(const char* at, const char* end, JsonValue& value) {
  while (at < end && *at != '"') {
    const bool is_control = static_cast<unsigned char>(*at) < ' ';
    const std::size_t length = *at == '\\' ? EscapeLength({at, end}, 0) : is_control ? 0 : 1;
    if (length == 0) return nullptr;
    value.has_escapes = value.has_escapes || length > 1;
    at += length;
  }
  value.size = static_cast<std::uint32_t>(at - value.begin);
  if (at == end || !simdjson::validate_utf8(value.begin, value.size)) return nullptr;
  return at + 1;
}

const char* ReadOtherScalar(const char* at, const char* end, JsonValue& value) {
  const char* next = at;
  while (next < end && !EndsScalar(*next)) ++next;
  if (next == end) return nullptr;
  const JsonScalar scalar = ClassifyScalar(at, next);
  if (scalar.kind == JsonKind::kMissing) return nullptr;
  value.begin = at;
  value.size = static_cast<std::uint32_t>(scalar.end - at);
  value.kind = scalar.kind;
  return scalar.end;
}

}  // namespace json_value_internal

}  // namespace usage_ingest::ingest
