#include "ingest/postgres/background/position_service.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "schema/check.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::background {
namespace {

constexpr auto kFarAway = std::chrono::hours(1);

// One session at a time decides what a topic's first rows are.
constexpr const char* kSerialise =
    "SELECT pg_advisory_xact_lock(hashtextextended('usage_ingest.kafka_offsets ' || $1, 0))::text";

constexpr const char* kReadRows = R"sql(
SELECT topic, partition::int8, next_offset, last_timestamp, last_hash, last_leader_epoch::int8,
       topic_id
FROM usage_ingest.kafka_offsets WHERE group_id = $1 AND topic = ANY ($2::text[]))sql";

constexpr const char* kAddRows = R"sql(
INSERT INTO usage_ingest.kafka_offsets (group_id, topic, partition, next_offset, topic_id)
SELECT $1, * FROM unnest($2::text[], $3::int4[], $4::int8[], $5::text[])
ON CONFLICT DO NOTHING)sql";

using Rows = std::map<TopicPartition, StoredOffset>;

Rows ParseRows(const PGresult* result) {
  Rows rows;
  for (int i = 0; i < PQntuples(result); ++i) {
    const auto partition = static_cast<std::int32_t>(session::Int64At(result, i, 1));
    StoredOffset stored{.next_offset = Offset{session::Int64At(result, i, 2)},
                        .last_record = std::nullopt,
                        .topic_id = PQgetvalue(result, i, 6)};
    if (PQgetisnull(result, i, 3) == 0 && PQgetisnull(result, i, 4) == 0) {
      RecordFingerprint& last = stored.last_record.emplace();
      last.timestamp_ms = session::Int64At(result, i, 3);
      last.value_hash = session::Int64At(result, i, 4);
      if (PQgetisnull(result, i, 5) == 0) {
        last.leader_epoch = static_cast<std::int32_t>(session::Int64At(result, i, 5));
      }
    }
    rows[{PQgetvalue(result, i, 0), PartitionId{partition}}] = stored;
  }
  return rows;
}

pipeline::Task<Result<Rows>> ReadRows(session::AsyncConnection& connection,
                                      std::string_view group_id,
                                      const pipeline::PositionsRequest& request) {
  session::PgArray topics(session::PgType::kText);
  std::set<std::string_view> names;
  for (const TopicPartition* partition : request.partitions) names.insert(partition->topic);
  for (std::string_view name : names) topics.Add(name);
  session::Statement statement{kReadRows, {}};
  statement.params.Add(group_id).Add(topics);
  const Result<session::PgResult> result = co_await connection.Execute(statement);
  if (!result) co_return std::unexpected(result.error());
  co_return ParseRows(result->get());
}

// The rows that are not there yet: every partition of a topic that the group sees first, begun as
// `start` says; else a partition that was added to the topic, begun at 0.
std::map<TopicPartition, Offset> MissingRows(const pipeline::PositionsRequest& request,
                                             const Rows& rows) {
  std::set<std::string_view> known_topics;
  for (const auto& [partition, stored] : rows) known_topics.insert(partition.topic);
  std::map<TopicPartition, Offset> missing;
  for (const auto& [topic, offsets] : request.first_offsets) {
    if (known_topics.contains(topic)) continue;
    for (const auto& [partition, offset] : offsets) missing[{topic, partition}] = offset;
  }
  for (const TopicPartition* partition : request.partitions) {
    if (!rows.contains(*partition)) missing.try_emplace(*partition, Offset{0});
  }
  return missing;
}

pipeline::Task<Result<>> AddRows(session::AsyncConnection& connection, std::string_view group_id,
                                 const std::map<TopicPartition, Offset>& missing,
                                 const std::map<std::string, TopicId>& topic_ids) {
  session::PgArray topics(session::PgType::kText);
  session::PgArray partitions(session::PgType::kInt4);
  session::PgArray offsets(session::PgType::kInt8);
  session::PgArray ids(session::PgType::kText);
  for (const auto& [partition, offset] : missing) {
    topics.Add(std::string_view(partition.topic));
    partitions.Add(partition.partition.value);
    offsets.Add(offset.value);
    const auto id = topic_ids.find(partition.topic);
    ids.Add(id == topic_ids.end() ? std::string_view() : std::string_view(id->second));
  }
  session::Statement statement{kAddRows, {}};
  statement.params.Add(group_id).Add(topics).Add(partitions).Add(offsets).Add(ids);
  const Result<session::PgResult> added = co_await connection.Execute(statement);
  if (!added) co_return std::unexpected(added.error());
  co_return Result<>{};
}

pipeline::Task<Result<Rows>> AddMissing(session::AsyncConnection& connection,
                                        std::string_view group_id,
                                        const pipeline::PositionsRequest& request) {
  const Result<> begun = co_await connection.ExecuteScript("BEGIN");
  if (!begun) co_return std::unexpected(begun.error());
  session::Statement serialise{kSerialise, {}};
  serialise.params.Add(group_id);
  const Result<session::PgResult> locked = co_await connection.Execute(serialise);
  if (!locked) co_return std::unexpected(locked.error());
  const Result<Rows> seen = co_await ReadRows(connection, group_id, request);
  if (!seen) co_return seen;
  const auto missing = MissingRows(request, *seen);
  if (!missing.empty()) {
    const Result<> added = co_await AddRows(connection, group_id, missing, request.topic_ids);
    if (!added) co_return std::unexpected(added.error());
  }
  const Result<Rows> rows = co_await ReadRows(connection, group_id, request);
  if (!rows) co_return rows;
  const Result<> committed = co_await connection.ExecuteScript("COMMIT");
  if (!committed) co_return std::unexpected(committed.error());
  co_return rows;
}

}  // namespace

pipeline::Task<Result<std::vector<StoredOffset>>> LoadPositions(
    session::AsyncConnection& connection, std::string_view group_id,
    const pipeline::PositionsRequest& request) {
  Result<Rows> rows = co_await ReadRows(connection, group_id, request);
  if (rows && !MissingRows(request, *rows).empty()) {
    rows = co_await AddMissing(connection, group_id, request);
  }
  if (!rows) co_return std::unexpected(rows.error());
  std::vector<StoredOffset> positions;
  positions.reserve(request.partitions.size());
  for (const TopicPartition* partition : request.partitions) {
    const auto found = rows->find(*partition);
    USAGE_INGEST_CHECK(found != rows->end());
    positions.push_back(found->second);
  }
  co_return positions;
}

PositionService::PositionService(Options options, pipeline::ConsumerInbox& inbox,
                                 pipeline::TelemetrySink& telemetry,
                                 const pipeline::Runtime& runtime)
    : options_(std::move(options)),
      inbox_(inbox),
      telemetry_(telemetry),
      runtime_(runtime),
      wakeup_(runtime) {}

void PositionService::Request(pipeline::PositionsRequest request) {
  auto shared = std::make_shared<pipeline::PositionsRequest>(std::move(request));
  boost::asio::post(runtime_.executor, [this, shared] {
    pending_ = std::move(*shared);
    wakeup_.Notify();
  });
}

void PositionService::Stop() {
  boost::asio::post(runtime_.executor, [this] {
    stopping_ = true;
    wakeup_.Notify();
  });
}

pipeline::Task<> PositionService::Run() {
  while (!stopping_) {
    if (pending_) {
      co_await Answer(*pending_);
    } else {
      co_await wakeup_.WaitUntil(runtime_.clock.Now() + kFarAway);
    }
  }
}

// A session for each answer: they are rare, and one kept for hours would be one more to watch.
pipeline::Task<> PositionService::Answer(pipeline::PositionsRequest request) {
  session::AsyncConnection connection(runtime_.executor, options_.conninfo,
                                      "usage-ingestd/positions");
  Result<> connected = co_await connection.Connect();
  if (connected) {
    const auto positions = co_await LoadPositions(connection, options_.group_id, request);
    if (positions) {
      inbox_.Push(pipeline::PositionsFound{request.epoch, *positions});
      if (pending_ && pending_->epoch == request.epoch) pending_.reset();
      co_return;
    }
    connected = std::unexpected(positions.error());
  }
  telemetry_.On(pipeline::PostgresFailed{pipeline::PostgresErrorClass::kTransient,
                                         connected.error().context});
  co_await wakeup_.WaitUntil(runtime_.clock.Now() + std::chrono::milliseconds(500));
}

}  // namespace usage_ingest::postgres::background
