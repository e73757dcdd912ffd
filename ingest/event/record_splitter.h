#pragma once
// RecordSplitter: the elements of one record: an object, an array of them, or lines of them.
//
// The whole value is tried as one JSON text first, then as lines. It counts as lines only when
// there are several, and one of them is a JSON object or all of them are JSON. Otherwise the whole
// record is broken, and so is a record that begins with an array whose end is not on the first
// line: an incomplete record must be one dead letter, not one for each of its lines.
//
// Owner         a Decoder. Not reentrant.
// Limit         as JsonIndex; and a copy of a text with bad UTF-8, at most three times its size.
#include <cstdint>
#include <string>
#include <string_view>

#include "ingest/json/json_index.h"
#include "ingest/json/json_walker.h"

namespace usage_ingest::event {

class RecordSplitter {
 public:
  class Visitor {
   public:
    virtual ~Visitor() = default;
    // Walks over the object at `at`, a step of JsonWalker. It is not known yet whether the text is
    // JSON as a whole, so it must have no effect before OnObject.
    virtual json::JsonWalker::Token ReadObject(const json::JsonWalker& json,
                                               json::JsonWalker::Token at) = 0;
    // The object last read is element `number`; `bytes` is its text.
    virtual void OnObject(std::uint32_t number, std::string_view bytes) = 0;
    virtual void OnNull(std::uint32_t number) = 0;
    // JSON, but no object.
    virtual void OnOther(std::uint32_t number, std::string_view bytes) = 0;
    virtual void OnBroken(std::uint32_t number, std::string_view bytes) = 0;
    // More than limits::kRecordElementsMax elements; no other call follows for this text.
    virtual void OnTooMany(std::string_view text) = 0;
    // Asked after each element of an array or of lines: true ends the record.
    [[nodiscard]] virtual bool is_full() const = 0;
  };

  // REQUIRES: text is not blank.
  void Split(std::string_view text, Visitor& visitor);

 private:
  enum class Shape : unsigned char { kBroken, kObject, kArray, kNull, kOther };

  [[nodiscard]] Shape Read(std::string_view text, Visitor& visitor);
  [[nodiscard]] Shape ReadLoneScalar() const;
  void VisitArray(Visitor& visitor);
  [[nodiscard]] bool IsLines(std::string_view text, Visitor& visitor);
  void VisitLines(std::string_view text, Visitor& visitor);
  void VisitLine(std::string_view line, std::uint32_t number, Visitor& visitor);

  std::string_view text_;           // that was read last
  json::JsonIndex index_;           // of it
  std::size_t array_elements_ = 0;  // of the array that was read last
  std::string clean_;               // the text at hand when its UTF-8 had to be repaired
};

}  // namespace usage_ingest::event
