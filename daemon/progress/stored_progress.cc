#include "daemon/progress/stored_progress.h"

#include <fmt/format.h>

#include "daemon/assembly/database_access.h"

namespace usage_ingest::progress {
namespace {

std::string OffsetsQuery() {
  return fmt::format(
      "SELECT topic, partition, next_offset, to_char(updated_at, "
      "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), {} "
      "FROM usage_ingest.kafka_offsets WHERE group_id = $1 ORDER BY topic, partition",
      JoinEventCountColumns([](std::string_view name) { return name; }));
}

constexpr auto kPending =
    "SELECT reason, count(*) FROM usage_ingest.dead_letters WHERE state = 'pending' "
    "GROUP BY reason ORDER BY count(*) DESC, reason";

}  // namespace

StoredProgress ReadStoredProgress(postgres::blocking::SyncConnection& connection,
                                  const std::string& group_id) {
  StoredProgress progress;
  const auto rows = assembly::QueryOrThrow(connection, OffsetsQuery(), {group_id});
  for (int row = 0; row < rows.count(); ++row) {
    StoredPartition partition;
    partition.source = {std::string(rows.text(row, 0)),
                        PartitionId{static_cast<std::int32_t>(rows.number(row, 1))}};
    partition.next_offset = rows.number(row, 2);
    partition.updated_at = rows.text(row, 3);
    int field = 4;
    for (const EventCountColumn& column : kEventCountColumns) {
      partition.outcomes.*column.value = rows.number(row, field++);
    }
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
    text::WriteEventCounts(json, each.outcomes);
    json.Key("updated_at").String(each.updated_at);
    json.EndObject();
  }
  json.EndArray().Key("dead_letters_pending").BeginObject();
  for (const auto& [reason, count] : progress.dead_letters_pending) json.Key(reason).Int(count);
  json.EndObject().EndObject();
}

}  // namespace usage_ingest::progress
