#pragma once
// PayloadMaker: what a dead letter keeps of one element of a record.
//
// Remembers where the elements of the latest record are, so that an array of a million bad elements
// is walked over once, not once for each element.
//
// Owner         a Decoder.
// Shape         it keeps views of the record.
// Limit         16 bytes an element, and a copy of elements with bad UTF-8, until Forget().
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace usage_ingest::event {

class PayloadMaker {
 public:
  // To be called for each new record: it may have the address of the previous one.
  void Forget();
  // REQUIRES: text is not blank and without its byte order mark.
  [[nodiscard]] std::string Make(std::string_view text, std::uint32_t index);

 private:
  class Finder;
  enum class Kind : unsigned char { kJson, kBroken, kLarge };
  struct Element {
    const char* begin = nullptr;
    std::uint32_t size = 0;
    Kind kind = Kind::kJson;
  };

  std::string_view text_;
  std::vector<Element> elements_;
  std::deque<std::string> repaired_;  // elements that are not in the record as they were read
};

}  // namespace usage_ingest::event
