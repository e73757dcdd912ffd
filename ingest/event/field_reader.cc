#include "ingest/event/field_reader.h"

#include "ingest/event/time_text.h"
#include "ingest/json/json_text.h"

namespace usage_ingest::event {

using State = NumberField::State;

CleanText FieldReader::Unescaped(std::string_view raw) const {
  if (raw.find('\\') == std::string_view::npos) return {raw, false};
  char* const plain = arena_.Allocate(raw.size());
  const std::size_t size = json::Unescape(raw, plain);
  arena_.Shrink(plain, raw.size(), size);
  return {{plain, size}, true};
}

bool FieldReader::IsTrue(Field field) const {
  if (fields_[field].kind == json::JsonKind::kTrue) return true;
  const std::string_view text = Text(field);
  return text == "True" || text == "true";
}

NumberField FieldReader::Number(Field field) const {
  const json::JsonValue& value = fields_[field];
  std::optional<Decimal> number;
  switch (value.kind) {
    case json::JsonKind::kMissing:
    case json::JsonKind::kNull:
      return {State::kAbsent, {}};
    case json::JsonKind::kNotANumber:
      return {State::kNotANumber, {}};
    case json::JsonKind::kFalse:
    case json::JsonKind::kTrue:
    case json::JsonKind::kObject:
    case json::JsonKind::kArray:
      return {State::kOtherType, {}};
    case json::JsonKind::kNumber:
      number = value.dot == json::PlainNumber::kNone ? Decimal::Parse(value.text())
                                                     : Decimal::FromPlain(value.text(), value.dot);
      break;
    case json::JsonKind::kString: {
      const std::string_view text = Text(field);
      if (text.empty()) return {State::kAbsent, {}};
      number = Decimal::Parse(json::TrimJsonBlanks(text));
      break;
    }
  }
  if (!number) return {State::kNotANumber, {}};
  return {State::kNumber, *number};
}

std::int64_t FieldReader::UnusualWhole(Field field) const {
  const NumberField number = Number(field);
  if (number.state != State::kNumber || !number.value.is_whole()) return json::kNoNumber;
  return number.value.Scaled(0);
}

FieldReader::TimeField FieldReader::Time(Field field) const {
  constexpr std::size_t kMicros = 6;
  const std::int64_t plain = Plain(field, kMicros);
  if (plain != json::kNoNumber) return {State::kNumber, {plain}};
  const NumberField number = Number(field);
  if (number.state == State::kNumber)
    return {State::kNumber, {number.value.Scaled(static_cast<int>(kMicros))}};
  if (number.state == State::kNotANumber && fields_[field].kind == json::JsonKind::kString) {
    if (const auto time = ParseDateTime(json::TrimJsonBlanks(Text(field)))) {
      return {State::kNumber, *time};
    }
  }
  return {number.state, {}};
}

}  // namespace usage_ingest::event
