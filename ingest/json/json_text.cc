#include "ingest/json/json_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace usage_ingest::json {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr std::uint32_t kReplacementCode = 0xFFFD;

constexpr int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// REQUIRES: four hexadecimal digits at `digits`.
std::uint32_t Hex4(const char* digits) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 4 | static_cast<std::uint32_t>(HexValue(digits[i]));
  return value;
}

char Simple(char escaped) {
  switch (escaped) {
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return escaped;
  }
}

char* PutUtf8(std::uint32_t code, char* out) {
  const auto put = [&out](std::uint32_t byte) { *out++ = static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
  return out;
}

// The character of the \u escape at `at`; moves `at` behind it, or behind both halves of a pair.
std::uint32_t TakeUnicodeEscape(std::string_view raw, std::size_t& at) {
  const std::uint32_t first = Hex4(raw.data() + at + 2);
  at += 6;
  if (first < 0xD800 || first > 0xDFFF) return first;
  const bool is_pair =
      first < 0xDC00 && at + 6 <= raw.size() && raw[at] == '\\' && raw[at + 1] == 'u';
  if (!is_pair) return kReplacementCode;
  const std::uint32_t second = Hex4(raw.data() + at + 2);
  if (second < 0xDC00 || second > 0xDFFF) return kReplacementCode;
  at += 6;
  return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

struct Utf8Sequence {
  std::size_t length;  // of the character, or of the maximal subpart
  bool valid;
};

// Table 3-7 of Unicode 15, "Well-Formed UTF-8 Byte Sequences".
Utf8Sequence ReadSequence(std::string_view bytes, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {1, true};
  if (lead < 0xC2 || lead > 0xF4) return {1, false};
  const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  for (std::size_t i = 1; i < length; ++i) {
    if (at + i == bytes.size() || byte(at + i) < low || byte(at + i) > high) return {i, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

}  // namespace

std::size_t EscapeLength(std::string_view json, std::size_t at) {
  if (at + 1 >= json.size()) return 0;
  switch (json[at + 1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      return 2;
    case 'u':
      if (at + 6 > json.size()) return 0;
      for (std::size_t i = at + 2; i < at + 6; ++i) {
        if (HexValue(json[i]) < 0) return 0;
      }
      return 6;
    default:
      return 0;
  }
}

EscapeRange FindEscapes(std::string_view json) {
  std::size_t at = json.find('\\');
  if (at == std::string_view::npos) return {};
  EscapeRange range{.begin = json.data() + at};
  while (at != std::string_view::npos) {
    // Escapes come in runs (text that is not ASCII): no search from one to the next.
    while (at < json.size() && json[at] == '\\') {
      const std::size_t length = EscapeLength(json, at);
      if (length == 0) return {.valid = false};
      at += length;
    }
    range.end = json.data() + at;
    at = json.find('\\', at);
  }
  return range;
}

std::size_t Unescape(std::string_view raw, char* out) {
  char* const begin = out;
  std::size_t at = 0;
  while (at < raw.size()) {
    const std::size_t next = std::min(raw.find('\\', at), raw.size());
    std::memcpy(out, raw.data() + at, next - at);
    out += next - at;
    at = next;
    if (at == raw.size()) break;
    if (raw[at + 1] != 'u') {
      *out++ = Simple(raw[at + 1]);
      at += 2;
      continue;
    }
    const std::uint32_t code = TakeUnicodeEscape(raw, at);
    if (code != 0) out = PutUtf8(code, out);
  }
  return static_cast<std::size_t>(out - begin);
}

std::string ReplaceBadUtf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + 64);
  std::size_t at = 0;
  while (at < bytes.size()) {
    const Utf8Sequence sequence = ReadSequence(bytes, at);
    text += sequence.valid ? bytes.substr(at, sequence.length) : kReplacement;
    at += sequence.length;
  }
  return text;
}

char* WriteEscaped(std::string_view text, char* out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kShort = "\b\f\n\r\t";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && c != '"' && c != '\\') {
      *out++ = c;
      continue;
    }
    *out++ = '\\';
    if (const std::size_t at = kShort.find(c); at != std::string_view::npos) {
      *out++ = "bfnrt"[at];
    } else if (byte >= 0x20) {
      *out++ = c;
    } else {
      std::memcpy(out, "u00", 3);
      out[3] = kHex[byte >> 4];
      out[4] = kHex[byte & 15];
      out += 5;
    }
  }
  return out;
}

std::string_view CutCharacters(std::string_view text, std::size_t characters) {
  if (text.size() <= characters) return text;
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (starts && seen++ == characters) return text.substr(0, i);
  }
  return text;
}

std::string_view TrimSomeJsonBlanks(std::string_view text) {
  while (!text.empty() && IsJsonBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsJsonBlank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace usage_ingest::json
