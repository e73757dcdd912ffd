#include "tests/sim/tables.h"

namespace usage_ingest::sim {

StoredRow MakeStoredRow(const UsageRow& row) {
  const UsageEvent& event = row.event;
  return {.created_at = event.created_at,
          .model = std::string(event.model_id),
          .request_tokens = event.request_tokens,
          .response_tokens = event.response_tokens,
          .cost = {event.input_cost.value + event.output_cost.value},
          .latency_ms = event.latency_ms,
          .status_code = event.status_code,
          .owner = row.owner};
}

UsageEvent EventOf(const StoredRow& row) {
  UsageEvent event;
  event.created_at = row.created_at;
  event.model_id = row.model;
  event.request_tokens = row.request_tokens;
  event.response_tokens = row.response_tokens;
  event.input_cost = row.cost;
  event.latency_ms = row.latency_ms;
  event.status_code = row.status_code;
  return event;
}

HistoryKey KeyOf(const aggregate::DailyKey& key) {
  return {.day = key.day,
          .subscription_id = key.subscription_id,
          .api_key_id = key.api_key_id,
          .team_id = key.team_id,
          .model = std::string(key.model_id)};
}

void Tables::AddPartition(EventTimeUs time) {
  constexpr std::int64_t kDayUs = 86'400'000'000;
  const EventTimeUs start = aggregate::PeriodStart(partition_unit, time);
  for (EventTimeUs day = start; aggregate::PeriodStart(partition_unit, day) == start;
       day.value += kDayUs) {
    days.insert(day);
  }
}

std::optional<Attribution> Attribute(const Tables& tables, std::string_view key_hash,
                                     std::string_view team_id, std::string_view model) {
  const auto key = tables.api_keys.find(std::string(key_hash));
  if (key == tables.api_keys.end()) return std::nullopt;
  for (const bool suspended : {false, true}) {
    for (const auto& [id, subscription] : tables.subscriptions) {
      if (subscription.user_id != key->second.user_id || subscription.model != model) continue;
      if (subscription.is_suspended != suspended) continue;
      const Uuid named = Uuid::Parse(team_id).value_or(Uuid{});
      const Uuid team = tables.teams.contains(named) ? named : key->second.team_id;
      return Attribution{id, key->second.id, team};
    }
  }
  return std::nullopt;
}

}  // namespace usage_ingest::sim
