#include "ingest/event/json_cursor.h"

namespace usage_ingest::ingest {
namespace {

// Which kind of bracket is open at each level: a bit each, the first 64 of them in a register.
class OpenBrackets {
 public:
  void Push(bool is_object) {
    if (depth_ % kBits == 0 && depth_ != 0) outer_.push_back(bits_);
    bits_ = bits_ << 1 | static_cast<std::uint64_t>(is_object);
    ++depth_;
  }
  // REQUIRES: not empty.
  void Pop() {
    bits_ >>= 1;
    --depth_;
    if (depth_ % kBits == 0 && depth_ != 0) {
      bits_ = outer_.back();
      outer_.pop_back();
    }
  }
  [[nodiscard]] bool in_object() const { return (bits_ & 1) != 0; }
  [[nodiscard]] bool empty() const { return depth_ == 0; }

 private:
  static constexpr std::size_t kBits = 64;
  std::uint64_t bits_ = 0;
  std::size_t depth_ = 0;
  std::vector<std::uint64_t> outer_;
};

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// RFC 8259, section 6.
bool IsNumber(std::string_view token) {
  const char* at = token.data();
  const char* const end = at + token.size();
  const auto digits = [&] {
    const char* const first = at;
    while (at != end && IsDigit(*at)) ++at;
    return at != first;
  };
  if (at != end && *at == '-') ++at;
  if (at != end && *at == '0') {
    ++at;
  } else if (!digits()) {
    return false;
  }
  if (at != end && *at == '.') {
    ++at;
    if (!digits()) return false;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '-' || *at == '+')) ++at;
    if (!digits()) return false;
  }
  return at == end;
}

}  // namespace

JsonKind ClassifyScalar(std::string_view token) {
  const auto is = [&](std::string_view word, JsonKind kind) {
    return token == word ? kind : JsonKind::kMissing;
  };
  switch (token.empty() ? '\0' : token.front()) {
    case 'n':
      return is("null", JsonKind::kNull);
    case 't':
      return is("true", JsonKind::kTrue);
    case 'f':
      return is("false", JsonKind::kFalse);
    case 'N':
      return is("NaN", JsonKind::kNotANumber);
    case 'I':
      return is("Infinity", JsonKind::kNotANumber);
    default:
      if (IsNumber(token)) return JsonKind::kNumber;
      return is("-Infinity", JsonKind::kNotANumber);
  }
}

bool JsonCursor::ReadScalar(JsonValue& value) {
  if (*Here() == '"') return ReadString(value);
  const char* const begin = Here();
  value.begin = begin;
  value.size = static_cast<std::uint32_t>(TokenEnd() - begin);
  value.kind = ClassifyScalar(value.text());
  ++at_;
  return value.kind != JsonKind::kMissing;
}

bool JsonCursor::SkipScalar() {
  if (*Here() == '"') {
    // The closing quote is the last byte before the next token, or stage 1 would have found a token
    // in between.
    ++at_;
    return true;
  }
  const char* const begin = Here();
  const bool valid =
      ClassifyScalar({begin, static_cast<std::size_t>(TokenEnd() - begin)}) != JsonKind::kMissing;
  ++at_;
  return valid;
}

bool JsonCursor::SkipKey() {
  if (*Here() != '"') return false;
  ++at_;
  if (*Here() != ':') return false;
  ++at_;
  return true;
}

bool JsonCursor::SkipContainer() {
  OpenBrackets open;
  for (;;) {
    const char c = *Here();
    if (c == '{' || c == '[') {
      const bool is_object = c == '{';
      open.Push(is_object);
      ++at_;
      if (*Here() != (is_object ? '}' : ']')) {
        if (is_object && !SkipKey()) return false;
        continue;
      }
    } else if (!SkipScalar()) {
      return false;
    }
    // Behind a value, or at the bracket that closes an empty container.
    for (;;) {
      const char next = *Here();
      ++at_;
      if (next == ',') {
        if (open.in_object() && !SkipKey()) return false;
        break;
      }
      if (next != (open.in_object() ? '}' : ']')) return false;
      open.Pop();
      if (open.empty()) return true;
      if (at_ == end_) return false;
    }
  }
}

bool JsonCursor::Read(JsonValue& value) {
  const char c = *Here();
  if (c != '{' && c != '[') return ReadScalar(value);
  value.begin = Here();
  value.size = static_cast<std::uint32_t>(token());
  value.kind = c == '{' ? JsonKind::kObject : JsonKind::kArray;
  return SkipContainer();
}

}  // namespace usage_ingest::ingest
