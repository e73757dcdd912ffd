#include "ingest/postgres/batch_params.h"

#include <array>
#include <optional>
#include <utility>

namespace usage_ingest::ingest {
namespace {

void AddPositions(QueryParams& params, std::span<const PartitionMove> moves) {
  PgArray topics(PgType::kText);
  PgArray partitions(PgType::kInt4);
  for (const PartitionMove& move : moves) {
    topics.Add(std::string_view(move.source->topic));
    partitions.Add(move.source->partition.value);
  }
  params.Add(topics).Add(partitions);
}

// One int8 column: `value_of` each item.
template <class Items, class ValueOf>
void AddInt8Column(QueryParams& params, const Items& items, ValueOf value_of) {
  PgArray column(PgType::kInt8);
  for (const auto& item : items) column.Add(std::int64_t{value_of(item)});
  params.Add(column);
}

PgArray UuidColumn(std::span<const Uuid> ids) {
  PgArray column(PgType::kUuid);
  for (const Uuid& id : ids) column.Add(id);
  return column;
}

void AddUuidOrNull(PgArray& column, std::string_view text) {
  const std::optional<Uuid> id = Uuid::Parse(text);
  if (id) {
    column.Add(*id);
  } else {
    column.AddNull();
  }
}

}  // namespace

QueryParams PositionParams(std::string_view group_id, std::span<const PartitionMove> moves) {
  QueryParams params;
  params.Add(group_id);
  AddPositions(params, moves);
  return params;
}

QueryParams MoveParams(std::string_view group_id, std::span<const PartitionMove> moves) {
  QueryParams params = PositionParams(group_id, moves);
  AddInt8Column(params, moves, [](const PartitionMove& m) { return m.expected.value; });
  AddInt8Column(params, moves, [](const PartitionMove& m) { return m.next_offset.value; });
  PgArray timestamps(PgType::kInt8);
  PgArray hashes(PgType::kInt8);
  for (const PartitionMove& move : moves) {
    if (move.last_record) {
      timestamps.Add(move.last_record->timestamp_ms);
      hashes.Add(move.last_record->value_hash);
    } else {
      timestamps.AddNull();
      hashes.AddNull();
    }
  }
  return std::move(params.Add(timestamps).Add(hashes));
}

QueryParams OutcomeParams(std::string_view group_id, std::span<const PartitionMove> moves) {
  QueryParams params = PositionParams(group_id, moves);
  for (std::int64_t Outcomes::* counter :
       {&Outcomes::records, &Outcomes::events, &Outcomes::inserted, &Outcomes::duplicates,
        &Outcomes::dead_lettered, &Outcomes::skipped, &Outcomes::gap_records}) {
    AddInt8Column(params, moves, [&](const PartitionMove& m) { return m.outcomes.*counter; });
  }
  return params;
}

QueryParams ParentParams(const Parents& parents) {
  PgArray subscriptions = UuidColumn(parents.subscriptions);
  PgArray api_keys = UuidColumn(parents.api_keys);
  PgArray teams = UuidColumn(parents.teams);
  QueryParams params;
  params.Add(subscriptions).Add(api_keys).Add(teams);
  return params;
}

QueryParams QuestionParams(std::span<const AttributionQuestion> questions) {
  PgArray key_hashes(PgType::kText);
  PgArray users(PgType::kUuid);
  PgArray team_texts(PgType::kText);
  PgArray teams(PgType::kUuid);
  PgArray models(PgType::kText);
  for (const AttributionQuestion& question : questions) {
    key_hashes.AddOrNull(question.key_hash);
    AddUuidOrNull(users, question.user_id);
    team_texts.AddOrNull(question.team_id);
    AddUuidOrNull(teams, question.team_id);
    models.AddOrNull(question.model_id);
  }
  QueryParams params;
  params.Add(key_hashes).Add(users).Add(team_texts).Add(teams).Add(models);
  return params;
}

QueryParams SummaryParams(std::span<const aggregate::SummaryDelta> summaries) {
  using aggregate::SummaryDelta;
  PgArray subscriptions(PgType::kUuid);
  PgArray models(PgType::kText);
  PgArray types(PgType::kText);
  PgArray starts(PgType::kTimestamptz);
  for (const SummaryDelta& delta : summaries) {
    subscriptions.Add(delta.subscription_id);
    models.Add(delta.model_id);
    types.Add(aggregate::Name(delta.period_type));
    starts.Add(delta.period_start);
  }
  QueryParams params;
  params.Add(subscriptions).Add(models).Add(types).Add(starts);
  for (std::int64_t aggregate::Totals::* total :
       {&aggregate::Totals::requests, &aggregate::Totals::errors,
        &aggregate::Totals::request_tokens, &aggregate::Totals::response_tokens,
        &aggregate::Totals::latency_ms_sum, &aggregate::Totals::latency_count}) {
    AddInt8Column(params, summaries, [&](const SummaryDelta& d) { return d.totals.*total; });
  }
  AddInt8Column(params, summaries, [](const SummaryDelta& d) { return d.totals.cost.value; });
  return params;
}

QueryParams QuotaParams(std::span<const aggregate::QuotaDelta> quotas) {
  PgArray subscriptions(PgType::kUuid);
  for (const aggregate::QuotaDelta& delta : quotas) subscriptions.Add(delta.subscription_id);
  QueryParams params;
  params.Add(subscriptions);
  AddInt8Column(params, quotas, [](const aggregate::QuotaDelta& d) { return d.requests; });
  AddInt8Column(params, quotas, [](const aggregate::QuotaDelta& d) { return d.tokens; });
  return params;
}

QueryParams DeadLetterParams(std::string_view group_id, std::span<const DeadLetter> letters) {
  PgArray topics(PgType::kText);
  PgArray partitions(PgType::kInt4);
  PgArray offsets(PgType::kInt8);
  PgArray indexes(PgType::kInt4);
  PgArray reasons(PgType::kText);
  PgArray details(PgType::kText);
  PgArray key_hashes(PgType::kText);
  PgArray event_ids(PgType::kText);
  PgArray times(PgType::kTimestamptz);
  PgArray payloads(PgType::kBytea);
  for (const DeadLetter& letter : letters) {
    topics.Add(std::string_view(letter.source->topic));
    partitions.Add(letter.source->partition.value);
    offsets.Add(letter.record_offset.value);
    indexes.Add(static_cast<std::int32_t>(letter.event_index));
    reasons.Add(Name(letter.reason));
    details.AddOrNull(letter.detail);
    key_hashes.AddOrNull(letter.key_hash);
    event_ids.AddOrNull(letter.event_id);
    if (letter.event_time.value == 0) {
      times.AddNull();
    } else {
      times.Add(letter.event_time);
    }
    payloads.Add(letter.payload);
  }
  QueryParams params;
  params.Add(group_id).Add(topics).Add(partitions).Add(offsets).Add(indexes).Add(reasons);
  params.Add(details).Add(key_hashes).Add(event_ids).Add(times).Add(payloads);
  return params;
}

}  // namespace usage_ingest::ingest
