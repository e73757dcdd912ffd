#pragma once
// FieldKeys: which JSON key of an event is which field. To read one more key, add a Field and a
// line to the table of its object.
//
// Source        docs/events.md; LiteLLM's StandardLoggingPayload and LiteLLM_SpendLogs.
#include <array>
#include <string_view>

#include "schema/request_marks.h"

namespace usage_ingest::event {

enum class Field : unsigned char {
  // StandardLoggingPayload, and by the same name in a SpendLogs row.
  kId,
  kCallId,
  kTraceId,
  kCallType,
  kCacheHit,
  kStream,
  kStatus,
  kProvider,
  kStartTime,
  kEndTime,
  kCompletionStartTime,
  kModel,
  kMetadata,
  kResponseCost,
  kCostBreakdown,
  kPromptTokens,
  kCompletionTokens,
  kTotalTokens,
  kTags,
  kEndUser,
  kModelGroup,
  kModelId,
  kErrorStr,
  kErrorInformation,
  // SpendLogs only.
  kRequestId,
  kSpend,
  kApiKey,
  kUser,
  kTeamId,
  // Inside metadata.
  kKeyHash,
  kKeyAlias,
  kKeyUserId,
  kKeyTeamId,
  kKeyTeamAlias,
  kUsageObject,
  kBilledRetryAttempt,
  kInternalCallOrigin,
  kIsSilentExperiment,
  kRequestStart,
  // Inside cost_breakdown, error_information, usage_object and its details.
  kInputCost,
  kOutputCost,
  kErrorCode,
  kErrorClass,
  kErrorMessage,
  kPromptDetails,
  kCachedTokens,
  kCacheReadTokens,
  kCompletionDetails,
  kReasoningTokens,
  kNone,  // no field; must be the last one
};

// Which keys mean what depends on the object that they are in.
enum class ObjectKind : unsigned char {
  kTop,
  kMetadata,
  kSpendLogsMetadata,
  kCostBreakdown,
  kErrorInformation,
  kUsageObject,
  kPromptDetails,
  kCompletionDetails,
};

struct FieldKey {
  std::string_view name;
  Field field = Field::kNone;
  // What the members of the value are, when they are fields too; else kTop.
  ObjectKind inner = ObjectKind::kTop;
};

inline constexpr auto kTopKeys = std::to_array<FieldKey>({
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
    {"total_tokens", Field::kTotalTokens},
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
});

inline constexpr auto kMetadataKeys = std::to_array<FieldKey>({
    {"user_api_key_hash", Field::kKeyHash},
    {"user_api_key_alias", Field::kKeyAlias},
    {"user_api_key_user_id", Field::kKeyUserId},
    {"user_api_key_team_id", Field::kKeyTeamId},
    {"user_api_key_team_alias", Field::kKeyTeamAlias},
    {"usage_object", Field::kUsageObject, ObjectKind::kUsageObject},
    {kBilledRetryAttempt, Field::kBilledRetryAttempt},
    {kInternalCallOrigin, Field::kInternalCallOrigin},
    {kIsSilentExperiment, Field::kIsSilentExperiment},
    {"request_start", Field::kRequestStart},
});

// A SpendLogs row names key, user and team in columns; its metadata has what a
// StandardLoggingPayload has at the top.
inline constexpr auto kSpendLogsMetadataKeys = std::to_array<FieldKey>({
    {"user_api_key_alias", Field::kKeyAlias},
    {"user_api_key_team_alias", Field::kKeyTeamAlias},
    {"usage_object", Field::kUsageObject, ObjectKind::kUsageObject},
    {kBilledRetryAttempt, Field::kBilledRetryAttempt},
    {kInternalCallOrigin, Field::kInternalCallOrigin},
    {kIsSilentExperiment, Field::kIsSilentExperiment},
    {"request_start", Field::kRequestStart},
    {"status", Field::kStatus},
    {"error_information", Field::kErrorInformation, ObjectKind::kErrorInformation},
    {"cost_breakdown", Field::kCostBreakdown, ObjectKind::kCostBreakdown},
});

inline constexpr auto kCostBreakdownKeys = std::to_array<FieldKey>({
    {"input_cost", Field::kInputCost},
    {"output_cost", Field::kOutputCost},
});

inline constexpr auto kErrorInformationKeys = std::to_array<FieldKey>({
    {"error_code", Field::kErrorCode},
    {"error_class", Field::kErrorClass},
    {"error_message", Field::kErrorMessage},
});

inline constexpr auto kUsageObjectKeys = std::to_array<FieldKey>({
    {"prompt_tokens_details", Field::kPromptDetails, ObjectKind::kPromptDetails},
    {"cache_read_input_tokens", Field::kCacheReadTokens},
    {"completion_tokens_details", Field::kCompletionDetails, ObjectKind::kCompletionDetails},
});

inline constexpr auto kPromptDetailsKeys = std::to_array<FieldKey>({
    {"cached_tokens", Field::kCachedTokens},
});

inline constexpr auto kCompletionDetailsKeys = std::to_array<FieldKey>({
    {"reasoning_tokens", Field::kReasoningTokens},
});

}  // namespace usage_ingest::event
