#pragma once
// ImportSplitter: cuts the bytes of a file into elements: lines, or the elements of one JSON array.
//
// LiteLLM's exports are NDJSON or arrays. An array of a gigabyte must not be one value, so an array
// is split here. Behind an array may follow another one, or lines. Of an array that is cut off the
// last element is given as it is: the decoder finds that it is not JSON. A byte order mark at the
// beginning is dropped.
//
// Limit         holds one element, and of it at most element_bytes_max + 1 bytes: enough for the
//               decoder to say record_too_large.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ingest/json/json_text.h"

namespace usage_ingest::replay {

class ImportSplitter {
 public:
  // `number` is the line's, or counts the arrays' elements; from 1.
  using OnElement = std::function<void(std::int64_t number, std::string_view text)>;

  ImportSplitter(std::size_t element_bytes_max, OnElement on_element);
  void Feed(std::string_view bytes);
  void Finish();

 private:
  enum class Form : unsigned char { kUnknown, kLines, kArray, kBehindArray };
  [[nodiscard]] bool IsOfByteOrderMark(char c);
  void Feed(char c);
  void FeedLines(char c);
  void FeedArray(char c);
  void Keep(char c);
  void Emit();

  std::size_t element_bytes_max_;
  OnElement on_element_;
  Form form_ = Form::kUnknown;
  std::size_t mark_seen_ = 0;
  std::string element_;
  std::int64_t number_ = 1;
  json::JsonNesting nesting_;  // in an array
};

}  // namespace usage_ingest::replay
