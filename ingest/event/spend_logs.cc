#include "ingest/event/spend_logs.h"

#include <array>
#include <utility>

#include "ingest/json/json_walker.h"

namespace usage_ingest::event {
namespace {

constexpr std::array<std::pair<Field, Field>, 5> kColumns = {{
    {Field::kRequestId, Field::kId},
    {Field::kSpend, Field::kResponseCost},
    {Field::kApiKey, Field::kKeyHash},
    {Field::kUser, Field::kKeyUserId},
    {Field::kTeamId, Field::kKeyTeamId},
}};

// Taken from the metadata of a SpendLogs row, even when there is a column of that name.
constexpr std::array kInMetadata = {
    Field::kErrorInformation, Field::kErrorCode, Field::kErrorClass, Field::kErrorMessage,
    Field::kCostBreakdown,    Field::kInputCost, Field::kOutputCost};

void ReadText(const InnerTexts& source, std::string_view text, ObjectKind kind) {
  if (text.empty() || source.nested.Build(text) != json::JsonIndex::Status::kOk) return;
  const json::JsonWalker json(source.nested);
  const json::JsonWalker::Token at = json.Container();
  if (at == json::JsonWalker::kBroken || !json.IsObject(at)) return;
  EventFields& fields = source.reader.fields();
  const EventFields before = fields;
  if (fields.ReadObject(json, at, kind) != json.end()) fields = before;
}

void ReadMetadata(const InnerTexts& source, ObjectKind kind) {
  const json::JsonValue metadata = source.reader.fields()[Field::kMetadata];
  if (metadata.kind == json::JsonKind::kString) {
    ReadText(source, source.reader.Text(Field::kMetadata), kind);
  } else if (metadata.kind == json::JsonKind::kObject && kind == ObjectKind::kSpendLogsMetadata) {
    ReadText(source, metadata.text(), kind);
  }
}

}  // namespace

void ReadInnerTexts(const InnerTexts& source) {
  EventFields& fields = source.reader.fields();
  const bool is_spend_logs = fields[Field::kRequestId].kind != json::JsonKind::kMissing &&
                             fields[Field::kSpend].kind != json::JsonKind::kMissing;
  if (!is_spend_logs) return ReadMetadata(source, ObjectKind::kMetadata);
  for (const auto& [column, field] : kColumns) fields[field] = fields[column];
  for (const Field field : kInMetadata) fields[field] = {};
  const json::JsonValue column_status = std::exchange(fields[Field::kStatus], {});
  ReadMetadata(source, ObjectKind::kSpendLogsMetadata);
  // Newer versions have a status column, too.
  if (source.reader.Text(Field::kStatus).empty()) fields[Field::kStatus] = column_status;
}

}  // namespace usage_ingest::event
