#include "daemon/text/json_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

namespace usage_ingest::text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

struct Range {
  unsigned first;
  unsigned last;
};
// How a sequence of `length` bytes begins; what follows the second byte is in [80, BF].
struct Shape {
  Range lead;
  Range second;
  std::size_t length;
};
// Source: Unicode 15, table 3-7, "Well-Formed UTF-8 Byte Sequences".
constexpr auto kShapes = std::to_array<Shape>({{{0xC2, 0xDF}, {0x80, 0xBF}, 2},
                                               {{0xE0, 0xE0}, {0xA0, 0xBF}, 3},
                                               {{0xE1, 0xEC}, {0x80, 0xBF}, 3},
                                               {{0xED, 0xED}, {0x80, 0x9F}, 3},
                                               {{0xEE, 0xEF}, {0x80, 0xBF}, 3},
                                               {{0xF0, 0xF0}, {0x90, 0xBF}, 4},
                                               {{0xF1, 0xF3}, {0x80, 0xBF}, 4},
                                               {{0xF4, 0xF4}, {0x80, 0x8F}, 4}});

bool IsIn(Range range, char c) {
  const unsigned byte = static_cast<unsigned char>(c);
  return byte >= range.first && byte <= range.last;
}

// Bytes of the well-formed sequence at the front of `text`, 0 when there is none.
// REQUIRES: text is not empty.
std::size_t SequenceLength(std::string_view text) {
  if (IsIn({0x00, 0x7F}, text[0])) return 1;
  for (const Shape& shape : kShapes) {
    if (!IsIn(shape.lead, text[0])) continue;
    if (text.size() < shape.length || !IsIn(shape.second, text[1])) return 0;
    const std::string_view tail = text.substr(2, shape.length - 2);
    const bool tail_ok = std::ranges::all_of(tail, [](char c) { return IsIn({0x80, 0xBF}, c); });
    return tail_ok ? shape.length : 0;
  }
  return 0;
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = SequenceLength(text);
    const char c = text.front();
    if (length == 0) {
      out += kReplacement;
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == '\x7F') {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void JsonWriter::BeforeValue() {
  if (needs_comma_) text_ += ',';
  needs_comma_ = true;
}

JsonWriter& JsonWriter::BeginObject() {
  BeforeValue();
  text_ += '{';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  text_ += '}';
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::BeginArray() {
  BeforeValue();
  text_ += '[';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  text_ += ']';
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view key) {
  BeforeValue();
  AppendJsonString(text_, key);
  text_ += ':';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view text) {
  BeforeValue();
  AppendJsonString(text_, text);
  return *this;
}

JsonWriter& JsonWriter::Int(std::int64_t number) {
  BeforeValue();
  text_ += std::to_string(number);
  return *this;
}

JsonWriter& JsonWriter::Double(double number) {
  if (!std::isfinite(number)) return Null();
  BeforeValue();
  std::string digits = fmt::format("{:.3f}", number);
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.ends_with('.')) digits.pop_back();
  text_ += digits == "-0" ? "0" : digits;
  return *this;
}

JsonWriter& JsonWriter::Bool(bool flag) {
  BeforeValue();
  text_ += flag ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::Raw(std::string_view json) {
  BeforeValue();
  text_ += json;
  return *this;
}

JsonWriter& JsonWriter::Null() {
  BeforeValue();
  text_ += "null";
  return *this;
}

void WriteEventCounts(JsonWriter& json, const EventCounts& counts) {
  for (const EventCountColumn& column : kEventCountColumns) {
    json.Key(column.name).Int(counts.*column.value);
  }
}

}  // namespace usage_ingest::text
