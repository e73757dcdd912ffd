#pragma once
// StoredProgress: the progress of a group as PostgreSQL has it, for the command `status`.
//
// The counters are of all instances of the group since the first event; the counters of a daemon
// begin with its start.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "daemon/text/json_writer.h"
#include "ingest/postgres/blocking/sync_connection.h"
#include "schema/event_counts.h"
#include "schema/kafka_position.h"

namespace usage_ingest::progress {

struct StoredPartition {
  TopicPartition source;
  std::int64_t next_offset = 0;
  EventCounts outcomes;
  std::string updated_at;
};

struct StoredProgress {
  std::vector<StoredPartition> partitions;
  std::vector<std::pair<std::string, std::int64_t>> dead_letters_pending;  // by reason
};

// Throws UserError.
[[nodiscard]] StoredProgress ReadStoredProgress(postgres::blocking::SyncConnection& connection,
                                                const std::string& group_id);
void WriteStoredProgress(text::JsonWriter& json, const StoredProgress& progress);

}  // namespace usage_ingest::progress
