#pragma once
// ReplayProgress: the rows of usage_ingest.replays, with which an interrupted run can be continued.
//
// The lanes move next_offset in the transaction of each batch (batch/progress_store.h). Here a run
// is opened, where an earlier one of the same range stopped, and closed.
//
// Owner         the command; blocking, a session of its own.
// Errors        throw UserError.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "schema/kafka_position.h"

namespace usage_ingest::replay {

struct ReplayRange {
  TopicPartition source;
  TopicId topic_id = {};  // a range of another topic of the same name is another range
  Offset begin;
  Offset end;  // exclusive
  // Of a range by time, whose end grows with the log: the times are what it is known by.
  std::optional<std::int64_t> from_time_ms = std::nullopt;
  std::optional<std::int64_t> to_time_ms = std::nullopt;
};

enum class ReplayKind : unsigned char { kReplay, kImport };
enum class ReplayOutcome : unsigned char { kFinished, kInterrupted, kFailed };

struct ReplayRun {
  std::vector<std::int64_t> ids;     // by range
  std::vector<Offset> next_offsets;  // by range: where to go on
};

[[nodiscard]] ReplayRun OpenReplay(const config::Config& config, ReplayKind kind,
                                   const std::vector<ReplayRange>& ranges, bool count_quotas);
// Does nothing for a run without ranges, such as a dry run. Throws only for kFinished.
void CloseReplay(const config::Config& config, const ReplayRun& run, ReplayOutcome outcome);

// Where the daemon is in `topic`: the stored next offset of each partition that it has begun.
// Throws UserError.
[[nodiscard]] std::map<PartitionId, Offset> ReadNextOffsets(const config::Config& config,
                                                            const std::string& topic);

}  // namespace usage_ingest::replay
