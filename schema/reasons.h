#pragma once
// Reasons: why an event became a dead letter or was skipped. One line per reason, and everything
// else follows from it: names in the database, metric labels, --reason, the tables of the manual.
//
// To add a reason, add an enumerator and a line, then use it where the event is refused. The names
// are metric labels, values of usage_ingest.dead_letters.reason and part of the contract
// (docs/events.md): append, never rename. tests/golden/reasons_test.cc compares docs/ with these
// tables.
#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
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
  kMonthRejected,
  kSubscriptionRejected,
  kResourcesExceeded,
};

struct DeadLetterReasonEntry {
  DeadLetterReason reason;
  std::string_view name;
  std::string_view meaning;  // docs/events.md
  std::string_view advice;   // docs/operations.md: whose fault it is, and what to do
  bool is_retried = false;   // by the daemon itself, without `dead-letters retry`
};

inline constexpr auto kDeadLetterReasons = std::to_array<DeadLetterReasonEntry>({
    {DeadLetterReason::kInvalidJson, "invalid_json", "not JSON",
     "another program writes to the topic: find it by the payload, then discard"},
    {DeadLetterReason::kInvalidField, "invalid_field", "a field is missing or of the wrong type",
     "another program writes to the topic, or LiteLLM is newer: report it with the payload, retry "
     "after an upgrade"},
    {DeadLetterReason::kInvalidNumber, "invalid_number", "a number cannot be read",
     "LiteLLM or the provider sent it: report it with the payload, retry after an upgrade"},
    {DeadLetterReason::kValueOutOfRange, "value_out_of_range",
     "tokens or cost that no column can hold",
     "a wrong price in LiteLLM's configuration, or abuse: correct the price, then discard"},
    {DeadLetterReason::kTimestampOutOfRange, "timestamp_out_of_range",
     "startTime is too old or in the future",
     "the clock of a LiteLLM host is wrong: correct the clock, then discard"},
    {DeadLetterReason::kUnattributed, "unattributed", "no subscription is known for user and model",
     "LiteMaaS does not know the key, user or model yet: nothing to do unless it stays for a day",
     true},
    {DeadLetterReason::kRecordTooLarge, "record_too_large",
     "more bytes or elements than one record may have",
     "the callback sends full payloads: set it to lean, then retry"},
    {DeadLetterReason::kRejectedByDatabase, "rejected_by_database",
     "PostgreSQL refused this row and not the others",
     "one of your own constraints or triggers refused the row: the detail has its message", true},
    {DeadLetterReason::kMonthRejected, "month_rejected",
     "usage_logs has no partition for its time, and none could be created",
     "the partitions of usage_logs are not ours: create the one that the detail names", true},
    {DeadLetterReason::kSubscriptionRejected, "subscription_rejected",
     "the summaries or counters of its subscription refused it",
     "a counter is full, or a trigger refused: the detail names the subscription and the table; "
     "run check-config for the fix",
     true},
    {DeadLetterReason::kResourcesExceeded, "resources_exceeded",
     "it needs more time, memory or locks than PostgreSQL gives",
     "a trigger is slow, or max_locks_per_transaction is too low: the detail has the message",
     true},
});

enum class SkipReason : unsigned char {
  kTombstone,
  kNullElement,
  kInternal,
  kNoUsage,
  kMasterKey,
  kPoll,
};

struct SkipReasonEntry {
  SkipReason reason;
  std::string_view name;
  std::string_view meaning;  // docs/events.md
};

inline constexpr auto kSkipReasons = std::to_array<SkipReasonEntry>({
    {SkipReason::kTombstone, "tombstone", "a null or blank value"},
    {SkipReason::kNullElement, "null_element", "a null instead of an event"},
    {SkipReason::kInternal, "internal", "a call that LiteLLM made for itself"},
    {SkipReason::kNoUsage, "no_usage", "no tokens, no cost and no owner"},
    {SkipReason::kMasterKey, "master_key", "LiteLLM's master key, and no owner"},
    {SkipReason::kPoll, "poll", "a look at a job, without usage of its own"},
});

// The names, by the number of the reason.
template <class Entry, std::size_t Count>
[[nodiscard]] consteval std::array<std::string_view, Count> ReasonNames(
    const std::array<Entry, Count>& entries) {
  std::array<std::string_view, Count> names;
  for (std::size_t i = 0; i < Count; ++i) {
    if (static_cast<std::size_t>(entries[i].reason) != i) throw "the lines are not in enum order";
    names[i] = entries[i].name;
  }
  return names;
}
inline constexpr auto kDeadLetterReasonNames = ReasonNames(kDeadLetterReasons);
inline constexpr auto kSkipReasonNames = ReasonNames(kSkipReasons);

[[nodiscard]] constexpr std::string_view Name(DeadLetterReason reason) {
  return kDeadLetterReasonNames[static_cast<std::size_t>(reason)];
}
// nullopt: the name of no reason.
[[nodiscard]] constexpr std::optional<DeadLetterReason> ParseDeadLetterReason(
    std::string_view name) {
  const auto found = std::ranges::find(kDeadLetterReasonNames, name);
  if (found == kDeadLetterReasonNames.end()) return std::nullopt;
  return static_cast<DeadLetterReason>(found - kDeadLetterReasonNames.begin());
}
[[nodiscard]] constexpr std::string_view Name(SkipReason reason) {
  return kSkipReasonNames[static_cast<std::size_t>(reason)];
}

}  // namespace usage_ingest
