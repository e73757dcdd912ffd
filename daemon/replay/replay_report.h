#pragma once
// ReplayReport: what a replay, an import or a retry of dead letters has counted.
#include <optional>
#include <vector>

#include "ingest/kafka/range/missing_range.h"
#include "schema/event_counts.h"

namespace usage_ingest::replay {

struct ReplayReport {
  EventCounts outcomes;
  bool dry_run = false;
  // Of what Kafka was asked for; nothing if it was not asked.
  std::optional<std::vector<kafka::range::MissingRange>> missing = std::nullopt;
};

// One JSON object with records, events, inserted, duplicates, dead_lettered, skipped, and for a
// replay gap_records and missing; else a table. What is missing is a warning on stderr in any case.
void PrintReplayReport(const ReplayReport& report, bool as_json);

}  // namespace usage_ingest::replay
