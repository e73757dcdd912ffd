#pragma once
// ReplayBooks: the rows of usage_ingest.replays, by which an interrupted replay or import goes on.
//
// The lanes move next_offset in the transaction of each batch (ledger.h); here a run is opened,
// where an earlier one of the same range stopped, and closed.
//
// Owner         the verb; blocking, its own session.
#include <cstdint>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "schema/kafka_position.h"

namespace usage_ingest::replay {

struct ReplayRange {
  TopicPartition source;
  Offset begin;
  Offset end;  // exclusive
};

struct ReplayRun {
  std::vector<std::int64_t> ids;     // by range
  std::vector<Offset> next_offsets;  // by range: where to go on
};

// `kind` is "replay" or "import". Throws UserError.
[[nodiscard]] ReplayRun OpenReplay(const config::Config& config, const std::string& kind,
                                   const std::vector<ReplayRange>& ranges, bool quota);
// `outcome` is finished, interrupted or failed.
void CloseReplay(const config::Config& config, const ReplayRun& run, const std::string& outcome);

}  // namespace usage_ingest::replay
