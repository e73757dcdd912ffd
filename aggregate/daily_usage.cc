#include "aggregate/daily_usage.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace usage_ingest::aggregate {

void DailyTotals::Add(const UsageEvent& event) {
  totals.Add(event);
  cached_tokens += event.cached_tokens;
  reasoning_tokens += event.reasoning_tokens;
}

void DailyTotals::Add(const DailyTotals& other) {
  totals.Add(other.totals);
  cached_tokens += other.cached_tokens;
  reasoning_tokens += other.reasoning_tokens;
}

std::int32_t DayOf(EventTimeUs time) {
  const std::chrono::sys_time<std::chrono::microseconds> instant{
      std::chrono::microseconds(time.value)};
  return static_cast<std::int32_t>(
      std::chrono::floor<std::chrono::days>(instant).time_since_epoch().count());
}

std::size_t DailyKey::Hash() const noexcept {
  // Team and model follow from key and subscription, but for a few rows.
  return MixHash(subscription_id.word(1) ^ (api_key_id.word(1) * 3) ^
                 static_cast<std::uint64_t>(static_cast<std::uint32_t>(day)));
}

void DailyRollup::Add(const UsageRow& row) {
  const DailyKey key{.subscription_id = row.owner.subscription_id,
                     .day = DayOf(row.event.created_at),
                     .api_key_id = row.owner.api_key_id,
                     .team_id = row.owner.team_id,
                     .model_id = row.event.model_id};
  index_.Find(key).totals.Add(row.event);
}

std::vector<DailyDelta> DailyRollup::Take() {
  std::vector<DailyDelta> deltas = std::move(index_.groups());
  index_.Clear();
  std::ranges::sort(deltas, {}, &DailyDelta::key);
  return deltas;
}

}  // namespace usage_ingest::aggregate
