#pragma once
// ReplayReport: what a replay, an import or a retry of dead letters has counted.
#include "schema/event_counts.h"

namespace usage_ingest::replay {

struct ReplayReport {
  EventCounts outcomes;
  bool dry_run = false;
};

// One JSON object with records, events, inserted, duplicates, dead_lettered, skipped; else a table.
void PrintReplayReport(const ReplayReport& report, bool as_json);

}  // namespace usage_ingest::replay
