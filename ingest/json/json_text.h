#pragma once
// Text of JSON strings: escapes checked and undone, bad UTF-8 and NUL taken out, and written again.
//
// PostgreSQL takes neither NUL nor lone surrogates in text or jsonb, so every string that may
// become a column goes through here.
#include <cstddef>
#include <string>
#include <string_view>

namespace usage_ingest::json {

// The escapes of a JSON text: [begin, end) holds all of them, and is empty when there is none.
struct EscapeRange {
  const char* begin = nullptr;
  const char* end = nullptr;
  bool valid = true;  // every backslash begins an escape of RFC 8259
};
// A backslash outside a string makes the text invalid anyway, which the walk over its tokens finds.
[[nodiscard]] EscapeRange FindEscapes(std::string_view json);

// The length of the escape that the backslash at json[at] begins, 0 when it is none.
[[nodiscard]] std::size_t EscapeLength(std::string_view json, std::size_t at);

// Whether the next byte of a JSON text is inside a string.
class JsonStringState {
 public:
  // True when `c` belongs to a string; its quotes do, too.
  bool Take(char c) {
    if (in_string_) {
      in_string_ = c != '"' || is_escaped_;
      is_escaped_ = c == '\\' && !is_escaped_;
      return true;
    }
    in_string_ = c == '"';
    return in_string_;
  }
  [[nodiscard]] bool in_string() const noexcept { return in_string_; }

 private:
  bool in_string_ = false;
  bool is_escaped_ = false;
};

// Where in a JSON text one is, byte by byte: for texts that are too large to be parsed, come in
// pieces or are not JSON. Bytes that are not JSON do no harm: every bracket closes every other.
class JsonNesting {
 public:
  void Take(char c) {
    if (string_.Take(c)) return;
    if (IsOpening(c)) {
      ++depth_;
    } else if (IsClosing(c) && depth_ > 0) {
      --depth_;
    }
  }
  // Brackets that are open around what comes next.
  [[nodiscard]] std::size_t depth() const noexcept { return depth_; }
  [[nodiscard]] bool in_string() const noexcept { return string_.in_string(); }
  [[nodiscard]] static bool IsOpening(char c) { return c == '{' || c == '['; }
  [[nodiscard]] static bool IsClosing(char c) { return c == '}' || c == ']'; }

 private:
  std::size_t depth_ = 0;
  JsonStringState string_;
};

// Undoes the escapes of `raw`, the inside of a JSON string, into `out`, which has raw.size() bytes.
// A lone surrogate becomes U+FFFD, NUL disappears. Returns how many bytes were written.
// REQUIRES: its escapes are valid.
std::size_t Unescape(std::string_view raw, char* out);

// `bytes` as UTF-8 with one U+FFFD for each maximal subpart of an ill-formed sequence (Unicode 15,
// section 3.9, U+FFFD substitution of maximal subparts), as Python's errors="replace" does.
[[nodiscard]] std::string ReplaceBadUtf8(std::string_view bytes);

// Writes `text` as the inside of a JSON string; returns the end.
inline constexpr std::size_t kEscapedBytesMax = 6;  // of one byte
char* WriteEscaped(std::string_view text, char* out);

// At most `characters` code points of valid UTF-8.
[[nodiscard]] std::string_view CutCharacters(std::string_view text, std::size_t characters);

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

[[nodiscard]] constexpr bool IsJsonBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
[[nodiscard]] std::string_view TrimSomeJsonBlanks(std::string_view text);
[[nodiscard]] inline std::string_view TrimJsonBlanks(std::string_view text) {
  // Nearly always there is none.
  const bool has_some = text.empty() || IsJsonBlank(text.front()) || IsJsonBlank(text.back());
  return has_some ? TrimSomeJsonBlanks(text) : text;
}

}  // namespace usage_ingest::json
