#include "ingest/event/event_fields.h"

#include "ingest/event/key_table.h"

namespace usage_ingest::ingest {
namespace {

constexpr KeyTable kTopKeys(std::to_array<KeyTable::Entry>({
    {"id", Field::kId},
    {"litellm_call_id", Field::kCallId},
    {"trace_id", Field::kTraceId},
    {"call_type", Field::kCallType},
    {"cache_hit", Field::kCacheHit},
    {"stream", Field::kStream},
    {"status", Field::kStatus},
    {"custom_llm_provider", Field::kProvider},
    {"startTime", Field::kStartTime},
    {"endTime", Field::kEndTime},
    {"completionStartTime", Field::kCompletionStartTime},
    {"model", Field::kModel},
    {"metadata", Field::kMetadata},
    {"response_cost", Field::kResponseCost},
    {"cost_breakdown", Field::kCostBreakdown},
    {"prompt_tokens", Field::kPromptTokens},
    {"completion_tokens", Field::kCompletionTokens},
    {"request_tags", Field::kTags},
    {"end_user", Field::kEndUser},
    {"model_group", Field::kModelGroup},
    {"model_id", Field::kModelId},
    {"error_str", Field::kErrorStr},
    {"error_information", Field::kErrorInformation},
    {"request_id", Field::kRequestId},
    {"spend", Field::kSpend},
    {"api_key", Field::kApiKey},
    {"user", Field::kUser},
    {"team_id", Field::kTeamId},
}));

constexpr KeyTable kMetadataKeys(std::to_array<KeyTable::Entry>({
    {"user_api_key_hash", Field::kKeyHash},
    {"user_api_key_alias", Field::kKeyAlias},
    {"user_api_key_user_id", Field::kKeyUserId},
    {"user_api_key_team_id", Field::kKeyTeamId},
    {"user_api_key_team_alias", Field::kKeyTeamAlias},
    {"usage_object", Field::kUsageObject},
}));

// The columns of a SpendLogs row say who; its metadata says what an SLP says at the top.
constexpr KeyTable kSpendLogsMetadataKeys(std::to_array<KeyTable::Entry>({
    {"user_api_key_alias", Field::kKeyAlias},
    {"user_api_key_team_alias", Field::kKeyTeamAlias},
    {"usage_object", Field::kUsageObject},
    {"status", Field::kStatus},
    {"error_information", Field::kErrorInformation},
    {"cost_breakdown", Field::kCostBreakdown},
}));

constexpr KeyTable kCostBreakdownKeys(std::to_array<KeyTable::Entry>({
    {"output_cost", Field::kOutputCost},
}));

constexpr KeyTable kErrorInformationKeys(std::to_array<KeyTable::Entry>({
    {"error_code", Field::kErrorCode},
    {"error_class", Field::kErrorClass},
    {"error_message", Field::kErrorMessage},
}));

constexpr KeyTable kUsageObjectKeys(std::to_array<KeyTable::Entry>({
    {"prompt_tokens_details", Field::kPromptDetails},
    {"cache_read_input_tokens", Field::kCacheReadTokens},
    {"completion_tokens_details", Field::kCompletionDetails},
}));

constexpr KeyTable kPromptDetailsKeys(std::to_array<KeyTable::Entry>({
    {"cached_tokens", Field::kCachedTokens},
}));

constexpr KeyTable kCompletionDetailsKeys(std::to_array<KeyTable::Entry>({
    {"reasoning_tokens", Field::kReasoningTokens},
}));

const KeyTable& KeysOf(ObjectKind kind) {
  static constexpr std::array<const KeyTable*, 8> kTables = {
      &kTopKeys,           &kMetadataKeys,         &kSpendLogsMetadataKeys,
      &kCostBreakdownKeys, &kErrorInformationKeys, &kUsageObjectKeys,
      &kPromptDetailsKeys, &kCompletionDetailsKeys};
  return *kTables[static_cast<std::size_t>(kind)];
}

// What kind of object a field is when its members are fields too; kTop for the others.
constexpr ObjectKind KindOf(Field field) {
  // A chain instead of a switch: forty enumerators have nothing to say here.
  if (field == Field::kMetadata) return ObjectKind::kMetadata;
  if (field == Field::kCostBreakdown) return ObjectKind::kCostBreakdown;
  if (field == Field::kErrorInformation) return ObjectKind::kErrorInformation;
  if (field == Field::kUsageObject) return ObjectKind::kUsageObject;
  if (field == Field::kPromptDetails) return ObjectKind::kPromptDetails;
  if (field == Field::kCompletionDetails) return ObjectKind::kCompletionDetails;
  return ObjectKind::kTop;
}

Field FindEscaped(const KeyTable& keys, std::string_view raw) {
  // No key of ours is longer than this even when each of its characters is written as \u0000.
  std::array<char, 256> plain;
  if (raw.size() > plain.size()) return Field::kNone;
  return keys.Find({plain.data(), Unescape(raw, plain.data())});
}

}  // namespace

bool EventFields::ReadObject(JsonCursor& cursor, ObjectKind kind) {
  const KeyTable& keys = KeysOf(kind);
  return cursor.ReadObject([&](const JsonValue& key) {
    const std::string_view name = key.text();
    const bool is_escaped = key.has_escapes && name.find('\\') != std::string_view::npos;
    const Field field = is_escaped ? FindEscaped(keys, name) : keys.Find(name);
    if (field == Field::kNone) return cursor.Skip();
    JsonValue& value = (*this)[field];
    if (value.kind != JsonKind::kMissing) return cursor.Skip();
    const ObjectKind inner = KindOf(field);
    if (inner == ObjectKind::kTop || !cursor.AtObject()) return cursor.Read(value);
    value.kind = JsonKind::kObject;
    value.size = static_cast<std::uint32_t>(cursor.token());
    return ReadObject(cursor, inner);
  });
}

}  // namespace usage_ingest::ingest
