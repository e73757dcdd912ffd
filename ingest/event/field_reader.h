#pragma once
// FieldReader: the fields of one element as texts, numbers and times, by the liberal rules of
// docs/events.md: null, "", "None" and a missing key mean the same, numbers may be text, times may
// be dates.
//
// Shape         texts are views of the record or of the arena.
#include <string_view>

#include "ingest/event/decimal.h"
#include "ingest/event/event_fields.h"
#include "schema/arena.h"
#include "schema/strong.h"

namespace usage_ingest::event {

struct NumberField {
  enum class State : unsigned char {
    kAbsent,
    kNumber,
    kNotANumber,  // NaN, or text that is no number
    kOtherType,
  };
  State state = State::kAbsent;
  Decimal value;
};

// Valid UTF-8 without NUL.
struct CleanText {
  std::string_view text;
  bool needs_escapes = false;  // when it is written as JSON again
};

class FieldReader {
 public:
  FieldReader(EventFields& fields, Arena& arena) : fields_(fields), arena_(arena) {}

  // "" when absent or of another type.
  [[nodiscard]] CleanText Clean(Field field) const {
    CleanText clean = Clean(fields_[field]);
    // One return only: with a second one GCC copies the result through memory, which is slower.
    if (clean.text == "None") clean = {};
    return clean;
  }
  [[nodiscard]] std::string_view Text(Field field) const { return Clean(field).text; }
  [[nodiscard]] bool IsTrue(Field field) const;
  // Absent, or a text (which Text() may find to be absent too).
  [[nodiscard]] bool IsTextOrAbsent(Field field) const {
    const json::JsonKind kind = fields_[field].kind;
    return kind == json::JsonKind::kString || kind == json::JsonKind::kMissing ||
           kind == json::JsonKind::kNull || kind == json::JsonKind::kNotANumber;
  }
  [[nodiscard]] NumberField Number(Field field) const;
  // The number times 10^places when it is as most are (see PlainNumber), else kNoNumber: ask
  // Number().
  [[nodiscard]] std::int64_t Plain(Field field, std::size_t places) const {
    const json::JsonValue& value = fields_[field];
    if (value.kind != json::JsonKind::kNumber || value.dot == json::PlainNumber::kNone)
      return json::kNoNumber;
    return json::PlainNumber::Scaled(value.text(), value.dot, places);
  }
  // A whole number of `field`, kNoNumber when it is anything else.
  [[nodiscard]] std::int64_t Whole(Field field) const {
    const json::JsonKind kind = fields_[field].kind;
    if (kind == json::JsonKind::kMissing || kind == json::JsonKind::kNull) return json::kNoNumber;
    const std::int64_t plain = Plain(field, 0);
    return plain != json::kNoNumber ? plain : UnusualWhole(field);
  }
  // Seconds since the epoch, or a date: microseconds. kNotANumber: text that is neither, or NaN.
  struct TimeField {
    NumberField::State state = NumberField::State::kAbsent;
    EventTimeUs value;
  };
  [[nodiscard]] TimeField Time(Field field) const;
  // Of any string value, "None" included.
  [[nodiscard]] CleanText Clean(const json::JsonValue& value) const {
    if (value.kind != json::JsonKind::kString) return {};
    if (!value.has_escapes) return {value.text(), false};
    return Unescaped(value.text());
  }

  [[nodiscard]] EventFields& fields() const { return fields_; }
  [[nodiscard]] Arena& arena() const { return arena_; }

 private:
  [[nodiscard]] CleanText Unescaped(std::string_view raw) const;
  [[nodiscard]] std::int64_t UnusualWhole(Field field) const;

  EventFields& fields_;
  Arena& arena_;
};

}  // namespace usage_ingest::event
