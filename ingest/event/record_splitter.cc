#include "ingest/event/record_splitter.h"

#include "ingest/json/json_text.h"
#include "schema/check.h"
#include "schema/limits.h"

namespace usage_ingest::event {
namespace {

// Calls on_line(line) for each line that is not blank until it returns false.
template <class OnLine>
void ForEachLine(std::string_view text, OnLine&& on_line) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = json::TrimJsonBlanks(text.substr(0, end));
    if (!line.empty() && !on_line(line)) return;
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

RecordSplitter::Shape RecordSplitter::Read(std::string_view text, Visitor& visitor) {
  text_ = text;
  json::JsonIndex::Status status = index_.Build(text);
  if (status == json::JsonIndex::Status::kBadUtf8) {
    clean_ = json::ReplaceBadUtf8(text);
    text_ = clean_;
    status = index_.Build(clean_);
  } else if (clean_.capacity() > json::JsonIndex::kKeepBytes) {
    clean_ = {};
  }
  if (status != json::JsonIndex::Status::kOk || index_.size() == 0) return Shape::kBroken;
  const json::JsonWalker json(index_);
  const json::JsonWalker::Token at = json.Container();
  if (at == json::JsonWalker::kBroken) return ReadLoneScalar();
  const bool is_object = json.IsObject(at);
  array_elements_ = 0;
  const auto skip = [&](json::JsonWalker::Token element) {
    ++array_elements_;
    return json.Skip(element);
  };
  const json::JsonWalker::Token behind =
      is_object ? visitor.ReadObject(json, at) : json.ReadArray(at, skip);
  if (behind != json.end()) return Shape::kBroken;
  return is_object ? Shape::kObject : Shape::kArray;
}

RecordSplitter::Shape RecordSplitter::ReadLoneScalar() const {
  if (index_.size() != 1) return Shape::kBroken;
  // A scalar is ended by what follows it: a comma will do.
  const std::string token = std::string(json::TrimJsonBlanks(index_.text())) + ',';
  const char* const end = token.data() + token.size() - 1;
  if (token.front() == '"') return end[-1] == '"' ? Shape::kOther : Shape::kBroken;
  const json::JsonKind kind = json::ClassifyScalar(token.data(), end).kind;
  if (kind == json::JsonKind::kMissing) return Shape::kBroken;
  const bool is_null = kind == json::JsonKind::kNull || kind == json::JsonKind::kNotANumber;
  return is_null ? Shape::kNull : Shape::kOther;
}

void RecordSplitter::VisitArray(Visitor& visitor) {
  const json::JsonWalker json(index_);
  std::uint32_t number = 0;
  const json::JsonWalker::Token end =
      json.ReadArray(json.Container(), [&](json::JsonWalker::Token at) {
        const bool is_object = json.IsObject(at);
        json::JsonValue value;
        const json::JsonWalker::Token next =
            is_object ? visitor.ReadObject(json, at) : json.Read(at, value);
        const std::string_view bytes = json.TextBetween(at, next);
        if (is_object) {
          visitor.OnObject(number, bytes);
        } else if (value.kind == json::JsonKind::kNull ||
                   value.kind == json::JsonKind::kNotANumber) {
          visitor.OnNull(number);
        } else {
          visitor.OnOther(number, bytes);
        }
        ++number;
        return visitor.is_full() ? json::JsonWalker::kBroken : next;
      });
  USAGE_INGEST_CHECK(end == json.end() || visitor.is_full());  // it was walked before
}

bool RecordSplitter::IsLines(std::string_view text, Visitor& visitor) {
  std::size_t lines = 0;
  bool all_json = true;
  bool has_object = false;
  bool torn_array = false;
  ForEachLine(text, [&](std::string_view line) {
    const Shape shape = Read(line, visitor);
    torn_array = lines == 0 && line.front() == '[' && shape == Shape::kBroken;
    ++lines;
    all_json = all_json && shape != Shape::kBroken;
    has_object = has_object || shape == Shape::kObject;
    return !torn_array && !(has_object && lines > 1);
  });
  return lines > 1 && !torn_array && (has_object || all_json);
}

void RecordSplitter::VisitLine(std::string_view line, std::uint32_t number, Visitor& visitor) {
  switch (Read(line, visitor)) {
    case Shape::kObject:
      return visitor.OnObject(number, text_);
    case Shape::kNull:
      return visitor.OnNull(number);
    case Shape::kArray:
    case Shape::kOther:
      return visitor.OnOther(number, text_);
    case Shape::kBroken:
      return visitor.OnBroken(number, line);
  }
}

void RecordSplitter::VisitLines(std::string_view text, Visitor& visitor) {
  std::size_t lines = 0;
  ForEachLine(text, [&](std::string_view) { return ++lines <= limits::kRecordElementsMax; });
  if (lines > limits::kRecordElementsMax) return visitor.OnTooMany(text);
  std::uint32_t number = 0;
  ForEachLine(text, [&](std::string_view line) {
    VisitLine(line, number++, visitor);
    return !visitor.is_full();
  });
}

void RecordSplitter::Split(std::string_view text, Visitor& visitor) {
  switch (Read(text, visitor)) {
    case Shape::kObject:
      return visitor.OnObject(0, json::TrimJsonBlanks(text_));
    case Shape::kArray:
      if (array_elements_ > limits::kRecordElementsMax) return visitor.OnTooMany(text);
      return VisitArray(visitor);
    case Shape::kNull:
      return visitor.OnNull(0);
    case Shape::kOther:
      return visitor.OnOther(0, json::TrimJsonBlanks(text_));
    case Shape::kBroken:
      break;
  }
  if (!IsLines(text, visitor)) return visitor.OnBroken(0, text);
  VisitLines(text, visitor);
}

}  // namespace usage_ingest::event
