#pragma once
// ProgressSql: the statements on the two tables of offsets, made from schema/event_counts.h.
//
// Source        docs/database.md; ARCHITECTURE.md, "The transaction of a batch".
#include <string>
#include <vector>

#include "schema/event_counts.h"

namespace usage_ingest::postgres::batch {

// $1 is the reader, $2 the topics, $3 the partitions of each statement.
struct ProgressSql {
  std::string compare_and_set;            // then the arrays of MoveParams
  std::string record_outcomes;            // then an array for each of `columns`
  std::string read_offsets;               // in the order asked, NULL for a missing row
  std::vector<EventCountColumn> columns;  // those that the table has
};

// usage_ingest.kafka_offsets; $1 is the group.
[[nodiscard]] const ProgressSql& GroupProgressSql();
// usage_ingest.replays; $1 is an array of its ids.
[[nodiscard]] const ProgressSql& ReplayProgressSql();

}  // namespace usage_ingest::postgres::batch
