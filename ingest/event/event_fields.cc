#include "ingest/event/event_fields.h"

#include "ingest/event/key_table.h"

namespace usage_ingest::event {

using Token = json::JsonWalker::Token;

namespace {

constexpr KeyTable kTopKeys(std::to_array<KeyTableEntry>({
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
    {"metadata", Field::kMetadata, ObjectKind::kMetadata},
    {"response_cost", Field::kResponseCost},
    {"cost_breakdown", Field::kCostBreakdown, ObjectKind::kCostBreakdown},
    {"prompt_tokens", Field::kPromptTokens},
    {"completion_tokens", Field::kCompletionTokens},
    {"request_tags", Field::kTags},
    {"end_user", Field::kEndUser},
    {"model_group", Field::kModelGroup},
    {"model_id", Field::kModelId},
    {"error_str", Field::kErrorStr},
    {"error_information", Field::kErrorInformation, ObjectKind::kErrorInformation},
    {"request_id", Field::kRequestId},
    {"spend", Field::kSpend},
    {"api_key", Field::kApiKey},
    {"user", Field::kUser},
    {"team_id", Field::kTeamId},
}));

constexpr KeyTable kMetadataKeys(std::to_array<KeyTableEntry>({
    {"user_api_key_hash", Field::kKeyHash},
    {"user_api_key_alias", Field::kKeyAlias},
    {"user_api_key_user_id", Field::kKeyUserId},
    {"user_api_key_team_id", Field::kKeyTeamId},
    {"user_api_key_team_alias", Field::kKeyTeamAlias},
    {"usage_object", Field::kUsageObject, ObjectKind::kUsageObject},
}));

// A SpendLogs row names key, user and team in columns; its metadata has what a
// StandardLoggingPayload has at the top.
constexpr KeyTable kSpendLogsMetadataKeys(std::to_array<KeyTableEntry>({
    {"user_api_key_alias", Field::kKeyAlias},
    {"user_api_key_team_alias", Field::kKeyTeamAlias},
    {"usage_object", Field::kUsageObject, ObjectKind::kUsageObject},
    {"status", Field::kStatus},
    {"error_information", Field::kErrorInformation, ObjectKind::kErrorInformation},
    {"cost_breakdown", Field::kCostBreakdown, ObjectKind::kCostBreakdown},
}));

constexpr KeyTable kCostBreakdownKeys(std::to_array<KeyTableEntry>({
    {"output_cost", Field::kOutputCost},
}));

constexpr KeyTable kErrorInformationKeys(std::to_array<KeyTableEntry>({
    {"error_code", Field::kErrorCode},
    {"error_class", Field::kErrorClass},
    {"error_message", Field::kErrorMessage},
}));

constexpr KeyTable kUsageObjectKeys(std::to_array<KeyTableEntry>({
    {"prompt_tokens_details", Field::kPromptDetails, ObjectKind::kPromptDetails},
    {"cache_read_input_tokens", Field::kCacheReadTokens},
    {"completion_tokens_details", Field::kCompletionDetails, ObjectKind::kCompletionDetails},
}));

constexpr KeyTable kPromptDetailsKeys(std::to_array<KeyTableEntry>({
    {"cached_tokens", Field::kCachedTokens},
}));

constexpr KeyTable kCompletionDetailsKeys(std::to_array<KeyTableEntry>({
    {"reasoning_tokens", Field::kReasoningTokens},
}));

const KeyTable& KeysOf(ObjectKind kind) {
  static constexpr std::array<const KeyTable*, 8> kTables = {
      &kTopKeys,           &kMetadataKeys,         &kSpendLogsMetadataKeys,
      &kCostBreakdownKeys, &kErrorInformationKeys, &kUsageObjectKeys,
      &kPromptDetailsKeys, &kCompletionDetailsKeys};
  return *kTables[static_cast<std::size_t>(kind)];
}

// Whether `raw`, which has no name of ours, is one when its escapes are undone. Not inlined: it is
// for one event in a million, and its array would be in every frame.
[[gnu::noinline]] const KeyTable::Slot* FindEscaped(const KeyTable& keys, std::string_view raw) {
  // No name of ours is longer than this even when each of its characters is written as \u0000.
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
  const KeyTable& keys = KeysOf(kind);
  const auto find = [&](std::string_view key) {
    const KeyTable::Slot* const entry = keys.Find(key, json.text_end());
    return entry == nullptr && json.MayHaveEscapes(key) ? FindEscaped(keys, key) : entry;
  };
  return json.ReadObject(at, find, [&](const KeyTable::Slot& entry, Token value) {
    return ReadMember(json, value, entry.field, entry.inner);
  });
}

}  // namespace usage_ingest::event
