#include "ingest/event/field_reader.h"

#include "ingest/event/json_text.h"
#include "ingest/event/time_text.h"

namespace usage_ingest::ingest {

using State = NumberField::State;

CleanText FieldReader::Unescaped(std::string_view raw) const {
  if (raw.find('\\') == std::string_view::npos) return {raw, false};
  char* const plain = arena_.Allocate(raw.size());
  const std::size_t size = Unescape(raw, plain);
  arena_.Shrink(plain, raw.size(), size);
  return {{plain, size}, true};
}

bool FieldReader::IsTrue(Field field) const {
  if (fields_[field].kind == JsonKind::kTrue) return true;
  const std::string_view text = Text(field);
  return text == "True" || text == "true";
}

NumberField FieldReader::Number(Field field) const {
  const JsonValue& value = fields_[field];
  std::optional<Decimal> number;
  switch (value.kind) {
    case JsonKind::kMissing:
    case JsonKind::kNull:
      return {State::kAbsent, {}};
    case JsonKind::kNotANumber:
      return {State::kNotANumber, {}};
    case JsonKind::kFalse:
    case JsonKind::kTrue:
    case JsonKind::kObject:
    case JsonKind::kArray:
      return {State::kOtherType, {}};
    case JsonKind::kNumber:
      number = value.dot == PlainNumber::kNone ? Decimal::Parse(value.text())
                                               : Decimal::FromPlain(value.text(), value.dot);
      break;
    case JsonKind::kString: {
      const std::string_view text = Text(field);
      if (text.empty()) return {State::kAbsent, {}};
      number = Decimal::Parse(TrimJsonBlanks(text));
      break;
    }
  }
  if (!number) return {State::kNotANumber, {}};
  return {State::kNumber, *number};
}

std::int64_t FieldReader::UnusualWhole(Field field) const {
  const NumberField number = Number(field);
  if (number.state != State::kNumber || !number.value.is_whole()) return kNoNumber;
  return number.value.Scaled(0);
}

FieldReader::TimeField FieldReader::Time(Field field) const {
  constexpr std::size_t kMicros = 6;
  const std::int64_t plain = Plain(field, kMicros);
  if (plain != kNoNumber) return {State::kNumber, {plain}};
  const NumberField number = Number(field);
  if (number.state == State::kNumber)
    return {State::kNumber, {number.value.Scaled(static_cast<int>(kMicros))}};
  if (number.state == State::kNotANumber && fields_[field].kind == JsonKind::kString) {
    if (const auto time = ParseDateTime(TrimJsonBlanks(Text(field)))) {
      return {State::kNumber, *time};
    }
  }
  return {number.state, {}};
}

}  // namespace usage_ingest::ingest
