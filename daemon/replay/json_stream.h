#pragma once
// JsonStream: cuts the bytes of a file into JSON values, whatever stands between them.
//
// A file is a stream of values, or of arrays of values: NDJSON, indented objects, one array, S3
// objects joined without a newline. Blanks, commas, NUL, the record separator of RFC 7464, byte
// order marks and the brackets of outer arrays are all separators, so an array of a gigabyte is
// never one value.
//
// A value that is not JSON must not take its neighbours with it. It ends where its brackets are
// closed. If they are not, it ends before the next line that begins with { or [ and is not indented
// more than the value, unless JSON allows a bracket there, as in {"data":[ and then a line per
// element. Whether a value is JSON inside its brackets is not checked here.
//
// Owner         one file.
// Shape         the text of a value is valid during the callback.
// Limit         holds one value, and of it at most value_bytes_max + 1 bytes: enough for the
//               decoder to say record_too_large.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ingest/json/json_text.h"

namespace usage_ingest::replay {

class JsonStream {
 public:
  struct Value {
    std::string_view text;
    std::int64_t line = 1;    // where it begins, counted from 1
    std::int64_t offset = 0;  // of its first byte
  };
  using OnValue = std::function<void(const Value&)>;

  JsonStream(std::size_t value_bytes_max, OnValue on_value);
  void Feed(std::string_view bytes);
  // False if an array is still open: the file was cut off.
  [[nodiscard]] bool Finish();

 private:
  enum class State : unsigned char {
    kBetween,  // values
    kObject,
    kScalar,  // or bytes that are no JSON
    kTorn,    // an object that cannot become JSON any more
  };
  void Take(char c);
  void TakeBetween(char c);
  void TakeObject(char c);
  void TakeScalar(char c);
  void TakeTorn(char c);
  [[nodiscard]] bool IsPartOfByteOrderMark(char c);
  [[nodiscard]] bool IsArrayEnd(char c) const;
  [[nodiscard]] bool BeginsLine(char c) const;
  [[nodiscard]] bool MayBeginValue() const;
  void TrackBrackets(char c);
  void Begin(State state, char c);
  void Keep(char c);
  void Emit();
  void EmitLines();

  std::size_t value_bytes_max_;
  OnValue on_value_;
  State state_ = State::kBetween;
  std::size_t mark_bytes_ = 0;   // of a byte order mark, seen so far
  std::size_t open_arrays_ = 0;  // around the values
  std::string value_;
  std::string open_brackets_;  // inside the value
  json::JsonStringState string_;
  char last_ = '\0';  // byte outside strings that is no blank
  std::int64_t line_ = 1;
  std::int64_t offset_ = 0;
  std::int64_t column_ = 0;    // bytes before this one on its line
  bool is_line_blank_ = true;  // so far
  std::int64_t value_line_ = 1;
  std::int64_t value_offset_ = 0;
  std::int64_t value_column_ = 0;
};

}  // namespace usage_ingest::replay
