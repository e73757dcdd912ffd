#pragma once
// ImportElements: the elements of a file, each with its number.
//
// The number is the record offset of the element: it names its dead letter, and an interrupted
// import continues behind it. Therefore it depends on the bytes of the file only.
//
// Owner         one pass over one file.
// Limit         holds one value of at most value_bytes_max + 1 bytes, and what is inside it.
#include <cstdint>
#include <functional>
#include <string_view>

#include "daemon/replay/event_envelope.h"
#include "daemon/replay/json_stream.h"

namespace usage_ingest::replay {

class ImportElements {
 public:
  struct Element {
    std::int64_t number = 0;  // counted from 1
    std::string_view text;
    EventEnvelope::Kind kind = EventEnvelope::Kind::kEvent;
    std::int64_t line = 0;    // of the value that it is in
    std::int64_t offset = 0;  // of the first byte of that value
  };
  using OnElement = std::function<void(const Element&)>;

  ImportElements(std::size_t value_bytes_max, OnElement on_element)
      : on_element_(std::move(on_element)),
        envelope_([this](const EventEnvelope::Element& element) {
          on_element_({++number_, element.text, element.kind, value_.line, value_.offset});
        }),
        stream_(value_bytes_max, [this](const JsonStream::Value& value) {
          value_ = value;
          envelope_.Open(value.text);
        }) {}
  // The callbacks refer to this object.
  ImportElements(const ImportElements&) = delete;
  ImportElements& operator=(const ImportElements&) = delete;

  void Feed(std::string_view bytes) { stream_.Feed(bytes); }
  // False if the file ends inside an array.
  [[nodiscard]] bool Finish() { return stream_.Finish(); }

 private:
  OnElement on_element_;
  std::int64_t number_ = 0;
  JsonStream::Value value_;
  EventEnvelope envelope_;
  JsonStream stream_;
};

}  // namespace usage_ingest::replay
