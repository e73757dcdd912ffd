#include "ingest/event/token_details.h"

namespace usage_ingest::event {
namespace {

constexpr std::int64_t kTokensMax = 2'147'483'647;

std::int64_t Bounded(std::int64_t count) {
  return count < 0 || count > kTokensMax ? json::kNoNumber : count;
}

}  // namespace

TokenDetails ReadTokenDetails(const FieldReader& reader) {
  std::int64_t cached = reader.Whole(Field::kCachedTokens);
  if (cached == json::kNoNumber || cached == 0) {
    const std::int64_t other = reader.Whole(Field::kCacheReadTokens);
    if (other != json::kNoNumber) cached = other;
  }
  return {.cached = Bounded(cached), .reasoning = Bounded(reader.Whole(Field::kReasoningTokens))};
}

std::int32_t CountOf(std::int64_t detail) {
  return detail == json::kNoNumber ? 0 : static_cast<std::int32_t>(detail);
}

}  // namespace usage_ingest::event
