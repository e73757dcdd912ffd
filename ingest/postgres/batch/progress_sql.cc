#include "ingest/postgres/batch/progress_sql.h"

#include <fmt/format.h>

#include <string_view>

#include "ingest/postgres/batch/sum_sql.h"

namespace usage_ingest::postgres::batch {
namespace {

// An UPDATE alone would lock in the order of its plan, so the locks are taken in order first.
constexpr std::string_view kCompareAndSetGroup = R"sql(
WITH moves AS (
  SELECT * FROM unnest($2::text[], $3::int4[], $4::int8[], $5::int8[], $6::int8[], $7::int8[],
                       $8::int4[], $9::text[], $10::text[], $11::int4[])
    AS m(topic, partition, expected, next, last_timestamp, last_hash, last_leader_epoch, topic_id,
         expected_topic_id, expected_leader_epoch)
), locked AS (
  SELECT o.topic, o.partition FROM usage_ingest.kafka_offsets o
  JOIN moves m ON o.topic = m.topic AND o.partition = m.partition
  WHERE o.group_id = $1 ORDER BY o.topic, o.partition FOR UPDATE OF o
)
UPDATE usage_ingest.kafka_offsets o
SET next_offset = m.next,
    last_timestamp = m.last_timestamp,
    last_hash = m.last_hash,
    last_leader_epoch = m.last_leader_epoch,
    topic_id = m.topic_id,
    updated_at = now()
FROM moves m, locked l
WHERE o.group_id = $1 AND o.topic = m.topic AND o.partition = m.partition
  AND l.topic = m.topic AND l.partition = m.partition
  AND o.next_offset = m.expected AND o.topic_id = m.expected_topic_id
  AND coalesce(o.last_leader_epoch, -1) = m.expected_leader_epoch)sql";

constexpr std::string_view kCompareAndSetReplay = R"sql(
UPDATE usage_ingest.replays o SET next_offset = m.next, updated_at = now()
FROM unnest($2::text[], $3::int4[], $4::int8[], $5::int8[], $6::int8[], $7::int8[],
            $8::int4[], $9::text[], $10::text[], $11::int4[])
  AS m(topic, partition, expected, next, last_timestamp, last_hash, last_leader_epoch, topic_id,
       expected_topic_id, expected_leader_epoch)
WHERE o.id = ANY ($1) AND o.topic = m.topic
  AND o.partition = m.partition AND o.next_offset = m.expected)sql";

// The rows are locked by us since compare_and_set. {0} table, {1} its rows of the reader, {2} the
// sums, {3} an array for each count, {4} their names.
constexpr std::string_view kRecordOutcomes = R"sql(
UPDATE {0} o SET {2}
FROM unnest($2::text[], $3::int4[], {3}) AS c(topic, partition, {4})
WHERE {1} AND o.topic = c.topic AND o.partition = c.partition)sql";

constexpr std::string_view kReadOffsets = R"sql(
SELECT o.next_offset
FROM unnest($2::text[], $3::int4[]) WITH ORDINALITY AS m(topic, partition, ord)
LEFT JOIN {0} o ON {1} AND o.topic = m.topic AND o.partition = m.partition
ORDER BY m.ord)sql";

struct Table {
  std::string_view name;
  std::string_view reader_rows;  // which of its rows, `o`, are those of the reader $1
};

std::string RecordOutcomes(const Table& table, const std::vector<EventCountColumn>& columns) {
  const std::string sums = JoinColumns(columns, [](const EventCountColumn& column) {
    return fmt::format("{0} = o.{0} + c.{0}", column.name);
  });
  const std::string names = JoinColumns(columns, [](const auto& column) { return column.name; });
  return fmt::format(kRecordOutcomes, table.name, table.reader_rows, sums,
                     SumParameters(columns, /*key_columns=*/3), names);
}

ProgressSql MakeProgressSql(const Table& table, std::string_view compare_and_set,
                            std::vector<EventCountColumn> columns) {
  return {.compare_and_set = std::string(compare_and_set),
          .record_outcomes = RecordOutcomes(table, columns),
          .read_offsets = fmt::format(kReadOffsets, table.name, table.reader_rows),
          .columns = std::move(columns)};
}

}  // namespace

const ProgressSql& GroupProgressSql() {
  static const ProgressSql sql =
      MakeProgressSql({.name = "usage_ingest.kafka_offsets", .reader_rows = "o.group_id = $1"},
                      kCompareAndSetGroup, {kEventCountColumns.begin(), kEventCountColumns.end()});
  return sql;
}

const ProgressSql& ReplayProgressSql() {
  // A replay reads a range of offsets: records that Kafka has deleted from it are no loss.
  static const ProgressSql sql = [] {
    std::vector<EventCountColumn> columns(kEventCountColumns.begin(), kEventCountColumns.end());
    std::erase_if(columns, [](const EventCountColumn& column) {
      return column.value == &EventCounts::gap_records;
    });
    return MakeProgressSql({.name = "usage_ingest.replays", .reader_rows = "o.id = ANY ($1)"},
                           kCompareAndSetReplay, std::move(columns));
  }();
  return sql;
}

}  // namespace usage_ingest::postgres::batch
