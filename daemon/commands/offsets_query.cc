#include "daemon/commands/offsets_query.h"

#include "daemon/assembly/database_access.h"

namespace usage_ingest::commands {
namespace {

constexpr auto kOffsets =
    "SELECT topic, partition, next_offset, records, events, inserted, duplicates, dead_lettered, "
    "skipped, gap_records, to_char(updated_at, 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
    "FROM usage_ingest.kafka_offsets WHERE group_id = $1 ORDER BY topic, partition";
constexpr auto kPending =
    "SELECT reason, count(*) FROM usage_ingest.dead_letters WHERE state = 'pending' "
    "GROUP BY reason ORDER BY count(*) DESC, reason";

}  // namespace

StoredProgress ReadStoredProgress(postgres::blocking::SyncConnection& connection,
                                  const std::string& group_id) {
  StoredProgress progress;
  const auto rows = assembly::QueryOrThrow(connection, kOffsets, {group_id});
  for (int row = 0; row < rows.count(); ++row) {
    StoredPartition partition;
    partition.source = {std::string(rows.text(row, 0)),
                        PartitionId{static_cast<std::int32_t>(rows.number(row, 1))}};
    partition.next_offset = rows.number(row, 2);
    partition.outcomes = {.records = rows.number(row, 3),
                          .events = rows.number(row, 4),
                          .inserted = rows.number(row, 5),
                          .duplicates = rows.number(row, 6),
                          .dead_lettered = rows.number(row, 7),
                          .skipped = rows.number(row, 8),
                          .gap_records = rows.number(row, 9)};
    partition.updated_at = rows.text(row, 10);
    progress.partitions.push_back(std::move(partition));
  }
  const auto pending = assembly::QueryOrThrow(connection, kPending);
  for (int row = 0; row < pending.count(); ++row) {
    progress.dead_letters_pending.emplace_back(pending.text(row, 0), pending.number(row, 1));
  }
  return progress;
}

void WriteStoredProgress(text::JsonWriter& json, const StoredProgress& progress) {
  json.BeginObject().Key("partitions").BeginArray();
  for (const StoredPartition& each : progress.partitions) {
    json.BeginObject();
    json.Key("topic").String(each.source.topic);
    json.Key("partition").Int(each.source.partition.value);
    json.Key("next_offset").Int(each.next_offset);
    json.Key("records").Int(each.outcomes.records);
    json.Key("events").Int(each.outcomes.events);
    json.Key("inserted").Int(each.outcomes.inserted);
    json.Key("duplicates").Int(each.outcomes.duplicates);
    json.Key("dead_lettered").Int(each.outcomes.dead_lettered);
    json.Key("skipped").Int(each.outcomes.skipped);
    json.Key("gap_records").Int(each.outcomes.gap_records);
    json.Key("updated_at").String(each.updated_at);
    json.EndObject();
  }
  json.EndArray().Key("dead_letters_pending").BeginObject();
  for (const auto& [reason, count] : progress.dead_letters_pending) json.Key(reason).Int(count);
  json.EndObject().EndObject();
}

}  // namespace usage_ingest::commands
