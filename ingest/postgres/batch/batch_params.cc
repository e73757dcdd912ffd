#include "ingest/postgres/batch/batch_params.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <ranges>
#include <utility>

namespace usage_ingest::postgres::batch {
namespace {

void AddPositions(session::QueryParams& params, std::span<const pipeline::PartitionMove> moves) {
  session::PgArray topics(session::PgType::kText);
  session::PgArray partitions(session::PgType::kInt4);
  for (const pipeline::PartitionMove& move : moves) {
    topics.Add(std::string_view(move.source->topic));
    partitions.Add(move.source->partition.value);
  }
  params.Add(topics).Add(partitions);
}

// One int8 column: `value_of` each item.
template <class Items, class ValueOf>
void AddInt8Column(session::QueryParams& params, const Items& items, ValueOf value_of) {
  session::PgArray column(session::PgType::kInt8);
  for (const auto& item : items) column.Add(std::int64_t{value_of(item)});
  params.Add(column);
}

session::PgArray UuidColumn(std::span<const Uuid> ids) {
  session::PgArray column(session::PgType::kUuid);
  for (const Uuid& id : ids) column.Add(id);
  return column;
}

void AddUuidOrNull(session::PgArray& column, std::string_view text) {
  const std::optional<Uuid> id = Uuid::Parse(text);
  if (id) {
    column.Add(*id);
  } else {
    column.AddNull();
  }
}

std::string_view IdText(const TopicId* id) {
  return id == nullptr ? std::string_view() : std::string_view(*id);
}

}  // namespace

session::QueryParams PositionParams(session::QueryParams reader,
                                    std::span<const pipeline::PartitionMove> moves) {
  AddPositions(reader, moves);
  return reader;
}

session::QueryParams MoveParams(session::QueryParams reader,
                                std::span<const pipeline::PartitionMove> moves) {
  session::QueryParams params = PositionParams(std::move(reader), moves);
  AddInt8Column(params, moves, [](const pipeline::PartitionMove& m) { return m.expected.value; });
  AddInt8Column(params, moves,
                [](const pipeline::PartitionMove& m) { return m.next_offset.value; });
  session::PgArray timestamps(session::PgType::kInt8);
  session::PgArray hashes(session::PgType::kInt8);
  session::PgArray epochs(session::PgType::kInt4);
  session::PgArray topic_ids(session::PgType::kText);
  session::PgArray expected_ids(session::PgType::kText);
  session::PgArray expected_epochs(session::PgType::kInt4);
  for (const pipeline::PartitionMove& move : moves) {
    topic_ids.Add(IdText(move.topic_id));
    expected_ids.Add(IdText(move.expected_log.topic_id));
    expected_epochs.Add(move.expected_log.leader_epoch);
    if (move.last_record) {
      timestamps.Add(move.last_record->timestamp_ms);
      hashes.Add(move.last_record->value_hash);
      epochs.Add(move.last_record->leader_epoch);
    } else {
      timestamps.AddNull();
      hashes.AddNull();
      epochs.AddNull();
    }
  }
  params.Add(timestamps).Add(hashes).Add(epochs).Add(topic_ids);
  return std::move(params.Add(expected_ids).Add(expected_epochs));
}

session::QueryParams OutcomeParams(session::QueryParams reader,
                                   std::span<const EventCountColumn> columns,
                                   std::span<const pipeline::PartitionMove> moves) {
  session::QueryParams params = PositionParams(std::move(reader), moves);
  for (const EventCountColumn& column : columns) {
    AddInt8Column(params, moves,
                  [&](const pipeline::PartitionMove& m) { return m.outcomes.*column.value; });
  }
  return params;
}

session::QueryParams ParentParams(const pipeline::Parents& parents) {
  session::PgArray subscriptions = UuidColumn(parents.subscriptions);
  session::PgArray api_keys = UuidColumn(parents.api_keys);
  session::PgArray teams = UuidColumn(parents.teams);
  session::QueryParams params;
  params.Add(subscriptions).Add(api_keys).Add(teams);
  return params;
}

session::QueryParams IdParams(std::span<const Uuid> ids) {
  session::PgArray column = UuidColumn(ids);
  session::QueryParams params;
  params.Add(column);
  return params;
}

session::QueryParams QuestionParams(std::span<const pipeline::AttributionQuestion> questions) {
  session::PgArray key_hashes(session::PgType::kText);
  session::PgArray users(session::PgType::kUuid);
  session::PgArray team_texts(session::PgType::kText);
  session::PgArray teams(session::PgType::kUuid);
  session::PgArray models(session::PgType::kText);
  for (const pipeline::AttributionQuestion& question : questions) {
    key_hashes.AddOrNull(question.key_hash);
    AddUuidOrNull(users, question.user_id);
    team_texts.AddOrNull(question.team_id);
    AddUuidOrNull(teams, question.team_id);
    models.AddOrNull(question.model_id);
  }
  session::QueryParams params;
  params.Add(key_hashes).Add(users).Add(team_texts).Add(teams).Add(models);
  return params;
}

session::QueryParams SubscriptionParams(std::span<const aggregate::QuotaDelta> quotas) {
  session::PgArray subscriptions(session::PgType::kUuid);
  for (const aggregate::QuotaDelta& delta : quotas) subscriptions.Add(delta.subscription_id);
  session::QueryParams params;
  params.Add(subscriptions);
  return params;
}

session::QueryParams QuotaParams(std::span<const aggregate::QuotaDelta> quotas,
                                 std::span<const std::int64_t> warn_at_percent) {
  session::QueryParams params = SubscriptionParams(quotas);
  AddInt8Column(params, quotas, [](const aggregate::QuotaDelta& d) { return d.requests; });
  AddInt8Column(params, quotas, [](const aggregate::QuotaDelta& d) { return d.tokens; });
  AddInt8Column(params, warn_at_percent, [](std::int64_t percent) { return percent; });
  AddInt8Column(params, quotas, [](const aggregate::QuotaDelta& d) { return d.cost.value; });
  return params;
}

session::QueryParams DeadLetterParams(std::string_view group_id,
                                      std::span<const pipeline::DeadLetter> letters) {
  session::PgArray topics(session::PgType::kText);
  session::PgArray partitions(session::PgType::kInt4);
  session::PgArray topic_ids(session::PgType::kText);
  session::PgArray epochs(session::PgType::kInt4);
  session::PgArray offsets(session::PgType::kInt8);
  session::PgArray indexes(session::PgType::kInt4);
  session::PgArray reasons(session::PgType::kText);
  session::PgArray details(session::PgType::kText);
  session::PgArray key_hashes(session::PgType::kText);
  session::PgArray user_ids(session::PgType::kText);
  session::PgArray model_ids(session::PgType::kText);
  session::PgArray event_ids(session::PgType::kText);
  session::PgArray times(session::PgType::kTimestamptz);
  session::PgArray counts_quotas(session::PgType::kBool);
  session::PgArray payloads(session::PgType::kBytea);
  for (const pipeline::DeadLetter& letter : letters) {
    topics.Add(std::string_view(letter.source->topic));
    partitions.Add(letter.source->partition.value);
    topic_ids.Add(IdText(letter.topic_id));
    epochs.Add(letter.leader_epoch);
    offsets.Add(letter.record_offset.value);
    indexes.Add(static_cast<std::int32_t>(letter.event_index));
    reasons.Add(Name(letter.reason));
    details.AddOrNull(letter.detail);
    key_hashes.AddOrNull(letter.key_hash);
    user_ids.AddOrNull(letter.user_id);
    model_ids.AddOrNull(letter.model_id);
    event_ids.AddOrNull(letter.event_id);
    if (letter.event_time.value == 0) {
      times.AddNull();
    } else {
      times.Add(letter.event_time);
    }
    counts_quotas.Add(letter.counts_quotas);
    payloads.Add(letter.payload);
  }
  session::QueryParams params;
  params.Add(group_id).Add(topics).Add(partitions).Add(topic_ids).Add(epochs).Add(offsets);
  params.Add(indexes).Add(reasons).Add(details).Add(key_hashes).Add(user_ids).Add(model_ids);
  params.Add(event_ids).Add(times).Add(counts_quotas).Add(payloads);
  return params;
}

session::QueryParams QuotaPeriodParams(const pipeline::Batch& batch,
                                       const pipeline::Parents& parents) {
  EventTimeUs oldest{std::numeric_limits<std::int64_t>::max()};
  for (const pipeline::BatchEvent& event : batch.events) {
    if (event.state != pipeline::BatchEvent::State::kRow) continue;
    oldest = std::min(oldest, event.row.event.created_at);
  }
  session::QueryParams params = IdParams(parents.subscriptions);
  params.Add(oldest);
  return params;
}

session::QueryParams KeyUseParams(const pipeline::Batch& batch) {
  std::map<Uuid, EventTimeUs> last_use;
  for (const pipeline::BatchEvent& event : batch.events) {
    const bool is_inserted =
        event.state == pipeline::BatchEvent::State::kRow && !event.is_duplicate;
    if (!is_inserted || event.row.owner.api_key_id.is_nil()) continue;
    EventTimeUs& last = last_use[event.row.owner.api_key_id];
    last = std::max(last, event.row.event.created_at);
  }
  session::PgArray keys(session::PgType::kUuid);
  session::PgArray times(session::PgType::kTimestamptz);
  for (const auto& [key, last] : last_use) {
    keys.Add(key);
    times.Add(last);
  }
  session::QueryParams params;
  params.Add(keys).Add(times);
  return params;
}

const UsageRow* LastInserted(const pipeline::Batch& batch) {
  for (const pipeline::BatchEvent& event : std::views::reverse(batch.events)) {
    const bool is_row = event.state == pipeline::BatchEvent::State::kRow;
    if (is_row && !event.is_duplicate) return &event.row;
  }
  return nullptr;
}

}  // namespace usage_ingest::postgres::batch
