#pragma once
// JsonWriter: JSON text for /status, --json and JSON logs, written front to back.
//
// Shape         compact, no line breaks, numbers without exponents; bytes that are not UTF-8 become
//               U+FFFD, so that the text is always valid whatever an error message held.
// Errors        a key or a value at the wrong place is a bug of the caller and makes wrong JSON.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema/event_counts.h"

namespace usage_ingest::text {

class JsonWriter {
 public:
  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();
  JsonWriter& Key(std::string_view key);
  JsonWriter& String(std::string_view text);
  JsonWriter& Int(std::int64_t number);
  JsonWriter& Double(double number);  // three decimals; NaN and infinity are null
  JsonWriter& Bool(bool flag);
  JsonWriter& Null();
  JsonWriter& Raw(std::string_view json);  // REQUIRES: one JSON value

  // Unknown is null, so that no reader takes it for 0; an empty text is unknown, too.
  JsonWriter& StringOrNull(std::string_view text) { return text.empty() ? Null() : String(text); }
  JsonWriter& IntOrNull(const std::optional<std::int64_t>& number) {
    return number ? Int(*number) : Null();
  }
  JsonWriter& DoubleOrNull(const std::optional<double>& number) {
    return number ? Double(*number) : Null();
  }

  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  void BeforeValue();
  std::string text_;
  bool needs_comma_ = false;
};

// `text` as a JSON string with its quotes.
void AppendJsonString(std::string& out, std::string_view text);

// One member for each count, into the object that is open.
void WriteEventCounts(JsonWriter& json, const EventCounts& counts);

}  // namespace usage_ingest::text
