#pragma once
// Reasons: the closed sets of why an event became a dead letter or was skipped.
//
// They are metric labels, values of usage_ingest.dead_letters.reason, and part of the contract
// (docs/events.md): append, never rename.
#include <array>
#include <string_view>

namespace usage_ingest {

enum class DeadLetterReason : unsigned char {
  kInvalidJson,
  kInvalidField,
  kInvalidNumber,
  kValueOutOfRange,
  kTimestampOutOfRange,
  kUnattributed,
  kRecordTooLarge,
  kRejectedByDatabase,
};
inline constexpr std::array<std::string_view, 8> kDeadLetterReasonNames = {
    "invalid_json",           "invalid_field", "invalid_number",   "value_out_of_range",
    "timestamp_out_of_range", "unattributed",  "record_too_large", "rejected_by_database"};

enum class SkipReason : unsigned char { kTombstone, kNullElement, kInternal, kNoUsage, kMasterKey };
inline constexpr std::array<std::string_view, 5> kSkipReasonNames = {
    "tombstone", "null_element", "internal", "no_usage", "master_key"};

[[nodiscard]] constexpr std::string_view Name(DeadLetterReason reason) {
  return kDeadLetterReasonNames[static_cast<std::size_t>(reason)];
}
[[nodiscard]] constexpr std::string_view Name(SkipReason reason) {
  return kSkipReasonNames[static_cast<std::size_t>(reason)];
}

}  // namespace usage_ingest
