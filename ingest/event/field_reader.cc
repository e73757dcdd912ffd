#include "ingest/event/field_reader.h"

#include "ingest/event/json_text.h"
#include "ingest/event/time_text.h"

namespace usage_ingest::ingest {

using State = NumberField::State;

CleanText FieldReader::Clean(const JsonValue& value) const {
  if (value.kind != JsonKind::kString) return {};
  const std::string_view raw = value.text();
  if (!value.has_escapes || raw.find('\\') == std::string_view::npos) return {raw, false};
  char* const plain = arena_.Allocate(raw.size());
  const std::size_t size = Unescape(raw, plain);
  arena_.Shrink(plain, raw.size(), size);
  return {{plain, size}, true};
}

CleanText FieldReader::Clean(Field field) const {
  const CleanText clean = Clean(fields_[field]);
  if (clean.text == "None") return {};
  return clean;
}

bool FieldReader::IsTrue(Field field) const {
  if (fields_[field].kind == JsonKind::kTrue) return true;
  const std::string_view text = Text(field);
  return text == "True" || text == "true";
}

bool FieldReader::IsTextOrAbsent(Field field) const {
  const JsonKind kind = fields_[field].kind;
  return kind == JsonKind::kString || kind == JsonKind::kMissing || kind == JsonKind::kNull ||
         kind == JsonKind::kNotANumber;
}

NumberField FieldReader::Number(Field field) const {
  std::string_view text;
  switch (fields_[field].kind) {
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
      text = fields_[field].text();
      break;
    case JsonKind::kString:
      text = Text(field);
      if (text.empty()) return {State::kAbsent, {}};
      text = TrimJsonBlanks(text);
      break;
  }
  const std::optional<Decimal> value = Decimal::Parse(text);
  if (!value) return {State::kNotANumber, {}};
  return {State::kNumber, *value};
}

std::optional<std::int64_t> FieldReader::Whole(Field field) const {
  const NumberField number = Number(field);
  if (number.state != State::kNumber || !number.value.is_whole()) return std::nullopt;
  return number.value.Scaled(0);
}

FieldReader::TimeField FieldReader::Time(Field field) const {
  const NumberField number = Number(field);
  if (number.state == State::kNumber) return {State::kNumber, {number.value.Scaled(6)}};
  if (number.state == State::kNotANumber && fields_[field].kind == JsonKind::kString) {
    if (const auto time = ParseDateTime(TrimJsonBlanks(Text(field)))) {
      return {State::kNumber, *time};
    }
  }
  return {number.state, {}};
}

}  // namespace usage_ingest::ingest
