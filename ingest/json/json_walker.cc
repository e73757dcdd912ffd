#include "ingest/json/json_walker.h"

#include <vector>

namespace usage_ingest::json {
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

// Most members of most objects are a text, null or a number. Walks over members from `at` on, as
// long as they are and a comma follows; gives the first that is not.
JsonWalker::Token JsonWalker::SkipPlainMembers(Token at) const {
  constexpr auto kAnyMember = std::bit_cast<std::uint32_t>(std::array{'"', ':', '\0', ','});
  constexpr auto kMask = std::bit_cast<std::uint32_t>(std::array{'\xFF', '\xFF', '\0', '\xFF'});
  for (;; at += 4) {
    const auto kinds = KindsAt<std::uint32_t>(at);
    if (kinds == kTextMember) continue;
    if ((kinds & kMask) != kAnyMember) return at;
    if (IsNull(at + 2)) continue;
    const auto dot = PlainNumber::FindDot(Begin(at + 2), Begin(at + 3), text_end_);
    if (dot == PlainNumber::kNone) return at;
  }
}

JsonWalker::Token JsonWalker::SkipContainer(Token at) const {
  constexpr std::size_t kBits = 64;
  std::uint64_t objects = 0;  // of the innermost 64 open brackets, a bit each: 1 is an object
  std::vector<std::uint64_t> outer;
  std::size_t depth = 0;
  bool is_object = false;  // the innermost one
  for (;;) {
    if (is_object) {
      at = SkipPlainMembers(at);
      if (!IsKey(at)) return kBroken;
      at += 2;
    }
    const char kind = kinds_[at];
    if (kind == '{' || kind == '[') {
      is_object = kind == '{';
      if (depth % kBits == 0 && depth != 0) outer.push_back(objects);
      objects = objects << 1 | static_cast<std::uint64_t>(is_object);
      ++depth;
      ++at;
      if (kinds_[at] != (is_object ? '}' : ']')) continue;
    } else {
      if (!IsScalar(at)) return kBroken;
      ++at;
    }
    // Behind a value, or at the bracket that closes an empty container.
    for (;;) {
      const char next = kinds_[at++];
      if (next == ',') break;
      if (next != (is_object ? '}' : ']')) return kBroken;
      objects >>= 1;
      --depth;
      if (depth == 0) return at;
      if (depth % kBits == 0) {
        objects = outer.back();
        outer.pop_back();
      }
      is_object = (objects & 1) != 0;
    }
  }
}

}  // namespace usage_ingest::json
