#pragma once
// TokenKeys: the keys of usage_logs.metadata that the history adds up.
//
// They are kept whatever events.metadata says, so that the history can be calculated from the rows.
//
// Source        docs/events.md, "metadata"; aggregate/daily_columns.h has their sums.
#include <string_view>

namespace usage_ingest {

inline constexpr std::string_view kCachedTokens = "cached_tokens";
inline constexpr std::string_view kReasoningTokens = "reasoning_tokens";

[[nodiscard]] constexpr bool IsTokenKey(std::string_view name) {
  return name == kCachedTokens || name == kReasoningTokens;
}

}  // namespace usage_ingest
