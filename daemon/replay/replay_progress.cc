#include "daemon/replay/replay_progress.h"

#include <string>

#include "daemon/assembly/database_access.h"

namespace usage_ingest::replay {
namespace {

// The last run of the same range that did not finish. A range by time ends where the log does now.
constexpr const char* kResume =
    "UPDATE usage_ingest.replays SET to_offset = greatest(to_offset, $5::bigint) WHERE id = ("
    "SELECT id FROM usage_ingest.replays WHERE kind = $1 AND topic = $2 AND partition = $3::int "
    "AND quota = $6::boolean AND topic_id = $7 "
    "AND (from_time_ms, to_time_ms) IS NOT DISTINCT FROM ($8::bigint, $9::bigint) "
    "AND (coalesce($8::bigint, $9::bigint) IS NOT NULL "
    "OR (from_offset = $4::bigint AND to_offset = $5::bigint)) "
    "AND outcome <> 'finished' ORDER BY id DESC LIMIT 1) RETURNING id, next_offset";
constexpr const char* kOpen =
    "INSERT INTO usage_ingest.replays (kind, topic, partition, from_offset, to_offset, "
    "next_offset, quota, topic_id, from_time_ms, to_time_ms) VALUES ($1, $2, $3::int, $4::bigint, "
    "$5::bigint, $4::bigint, $6::boolean, $7, $8::bigint, $9::bigint) RETURNING id, next_offset";
constexpr const char* kClose =
    "UPDATE usage_ingest.replays SET outcome = $2, updated_at = now() WHERE id = $1::bigint";

// As the column `kind` has it.
std::string Name(ReplayKind kind) { return kind == ReplayKind::kReplay ? "replay" : "import"; }

postgres::blocking::SyncParam Parameter(const std::optional<std::int64_t>& number) {
  if (!number) return std::nullopt;
  return std::to_string(*number);
}

// As the column `outcome` has it.
std::string Name(ReplayOutcome outcome) {
  switch (outcome) {
    case ReplayOutcome::kFinished:
      return "finished";
    case ReplayOutcome::kInterrupted:
      return "interrupted";
    case ReplayOutcome::kFailed:
      return "failed";
  }
  return "";
}

}  // namespace

ReplayRun OpenReplay(const config::Config& config, ReplayKind kind,
                     const std::vector<ReplayRange>& ranges, bool count_quotas) {
  postgres::blocking::SyncConnection connection = assembly::ConnectOrThrow(config, Name(kind));
  ReplayRun run;
  for (const ReplayRange& range : ranges) {
    const std::vector<postgres::blocking::SyncParam> params = {
        Name(kind),
        range.source.topic,
        std::to_string(range.source.partition.value),
        std::to_string(range.begin.value),
        std::to_string(range.end.value),
        count_quotas ? "true" : "false",
        range.topic_id,
        Parameter(range.from_time_ms),
        Parameter(range.to_time_ms)};
    postgres::blocking::SyncRows rows = assembly::QueryOrThrow(connection, kResume, params);
    if (rows.count() == 0) rows = assembly::QueryOrThrow(connection, kOpen, params);
    run.ids.push_back(rows.number(0, 0));
    run.next_offsets.push_back(Offset{rows.number(0, 1)});
  }
  return run;
}

void CloseReplay(const config::Config& config, const ReplayRun& run, ReplayOutcome outcome) try {
  if (run.ids.empty()) return;  // a dry run
  postgres::blocking::SyncConnection connection = assembly::ConnectOrThrow(config, "replay");
  for (std::int64_t id : run.ids) {
    static_cast<void>(
        assembly::QueryOrThrow(connection, kClose, {std::to_string(id), Name(outcome)}));
  }
} catch (const text::UserError&) {
  // A run that did not finish is continued, whatever its row says, and has its own error.
  if (outcome == ReplayOutcome::kFinished) throw;
}

std::map<PartitionId, Offset> ReadNextOffsets(const config::Config& config,
                                              const std::string& topic) {
  postgres::blocking::SyncConnection connection = assembly::ConnectOrThrow(config, "replay");
  const postgres::blocking::SyncRows rows = assembly::QueryOrThrow(
      connection,
      "SELECT partition, next_offset FROM usage_ingest.kafka_offsets WHERE group_id = $1 AND topic "
      "= $2",
      {config.kafka.group_id, topic});
  std::map<PartitionId, Offset> offsets;
  for (int row = 0; row < rows.count(); ++row) {
    offsets[PartitionId{static_cast<std::int32_t>(rows.number(row, 0))}] =
        Offset{rows.number(row, 1)};
  }
  return offsets;
}

}  // namespace usage_ingest::replay
