#include "ingest/event/event_fields.h"

#include <utility>

#include "ingest/event/key_table.h"

namespace usage_ingest::event {

using Token = json::JsonWalker::Token;

namespace {

constexpr KeyTable kTopTable(kTopKeys);
constexpr KeyTable kMetadataTable(kMetadataKeys);
constexpr KeyTable kSpendLogsMetadataTable(kSpendLogsMetadataKeys);
constexpr KeyTable kCostBreakdownTable(kCostBreakdownKeys);
constexpr KeyTable kErrorInformationTable(kErrorInformationKeys);
constexpr KeyTable kUsageObjectTable(kUsageObjectKeys);
constexpr KeyTable kPromptDetailsTable(kPromptDetailsKeys);
constexpr KeyTable kCompletionDetailsTable(kCompletionDetailsKeys);

constexpr const KeyTable& TableOf(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kTop:
      return kTopTable;
    case ObjectKind::kMetadata:
      return kMetadataTable;
    case ObjectKind::kSpendLogsMetadata:
      return kSpendLogsMetadataTable;
    case ObjectKind::kCostBreakdown:
      return kCostBreakdownTable;
    case ObjectKind::kErrorInformation:
      return kErrorInformationTable;
    case ObjectKind::kUsageObject:
      return kUsageObjectTable;
    case ObjectKind::kPromptDetails:
      return kPromptDetailsTable;
    case ObjectKind::kCompletionDetails:
      return kCompletionDetailsTable;
  }
  std::unreachable();
}

// `raw` is not in the table as it is written: finds it by its text without escapes. Not inlined: it
// is for one event in a million, and its array would be in every stack frame.
[[gnu::noinline]] const KeyTable::Slot* FindEscaped(const KeyTable& keys, std::string_view raw) {
  // Every name of a table fits, even if each of its characters is written as \u0000.
  std::array<char, 256> plain;
  if (raw.size() > plain.size() || raw.find('\\') == std::string_view::npos) return nullptr;
  return keys.Find({plain.data(), json::Unescape(raw, plain.data())}, plain.data() + plain.size());
}

}  // namespace

Token EventFields::ReadMember(const json::JsonWalker& json, Token at, Field field,
                              ObjectKind inner) {
  json::JsonValue& value = (*this)[field];
  if (value.kind != json::JsonKind::kMissing) return json.Skip(at);
  if (inner == ObjectKind::kTop || !json.IsObject(at)) return json.Read(at, value);
  const Token next = ReadObject(json, at, inner);
  if (next != json::JsonWalker::kBroken) value = json.Container(at, next);
  return next;
}

Token EventFields::ReadObject(const json::JsonWalker& json, Token at, ObjectKind kind) {
  const KeyTable& keys = TableOf(kind);
  const auto find = [&](std::string_view key) {
    const KeyTable::Slot* const entry = keys.Find(key, json.text_end());
    return entry == nullptr && json.MayHaveEscapes(key) ? FindEscaped(keys, key) : entry;
  };
  return json.ReadObject(at, find, [&](const KeyTable::Slot& entry, Token value) {
    return ReadMember(json, value, entry.field, entry.inner);
  });
}

}  // namespace usage_ingest::event
