#pragma once
// StatusSnapshot: what the daemon does at one moment, as a value. /status, the page, STATUS= of
// systemd and the command `status` show the same one. What is not known is std::nullopt, never 0.
//
// Units         *_ms milliseconds since the epoch, rates in events a second, counts since start.
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::telemetry {

struct Readiness {
  bool ready = false;
  std::string reason;  // why it is not ready; when it is: what a person must look at
};

struct Lag {
  std::int64_t records = 0;
  double seconds = 0;
  friend bool operator==(const Lag&, const Lag&) = default;
};

// Why a partition is not read.
struct StuckStatus {
  pipeline::StuckReason reason{};
  std::int64_t offset = 0;
  std::int64_t since_ms = 0;
  std::string why;  // the error, and what to do
};

struct PartitionStatus {
  TopicPartition source;
  std::int64_t next_offset = 0;
  std::optional<std::int64_t> high_watermark;
  std::optional<Lag> lag;
  std::optional<double> catch_up_seconds;  // as CatchUpSeconds says
  double rate = 0;
  std::int64_t batches = 0;
  std::int64_t last_commit_ms = 0;  // 0: none yet
  EventCounts counts;
  std::vector<float> rate_history;
  std::vector<float> lag_history;  // NaN: unknown
  std::optional<StuckStatus> stuck;
};

// Rows of usage_logs that were inserted and are gone.
struct MissingRows {
  std::int64_t samples = 0;
  std::string what;
};

// Events that wait because PostgreSQL refuses them: whose they are and why is in `detail`.
struct SetAsideStatus {
  DeadLetterReason reason{};
  std::int64_t events = 0;
  std::int64_t since_ms = 0;
  std::string detail;
};

struct RecentError {
  std::int64_t time_ms = 0;  // of the last time
  std::string_view source;   // "postgres", "kafka", "fencing", "gap"
  std::string message;
  std::int64_t times = 1;
};

struct QueueStatus {
  std::size_t records = 0;
  std::size_t bytes = 0;
  std::size_t bytes_limit = 0;
};

struct StatusSnapshot {
  std::string version;
  std::string commit;
  std::string group_id;
  std::int64_t started_ms = 0;
  std::int64_t now_ms = 0;
  Readiness readiness;
  EventCounts totals;
  double rate = 0;
  // Records of all partitions, seconds of the one that is furthest behind; unknown while the
  // group is not joined or the lag of an assigned partition is unknown.
  std::optional<Lag> lag;
  std::optional<double> catch_up_seconds;  // of the last partition to catch up
  std::int64_t batches = 0;
  std::int64_t rebalances = 0;
  std::int64_t fenced = 0;
  std::int64_t suspended = 0;
  std::vector<PartitionStatus> partitions;
  std::array<std::int64_t, kDeadLetterReasonNames.size()> dead_letters{};
  std::array<std::int64_t, kSkipReasonNames.size()> skipped{};
  std::optional<std::int64_t> dead_letters_pending;  // nullopt: not counted yet
  std::int64_t dead_letters_healed = 0;
  std::optional<MissingRows> missing_rows;  // nullopt: not looked yet
  std::vector<SetAsideStatus> set_aside;    // the most events first
  QueueStatus queue;
  bool paused_for_memory = false;
  bool paused_for_postgres = false;
  bool postgres_up = false;
  bool kafka_up = false;
  double batch_held_seconds = 0;  // how long the oldest batch that failed has been tried again
  // Mean time of a batch in each phase over the last three minutes; nullopt: no batch.
  std::array<std::optional<double>, pipeline::kPhaseNames.size()> phase_seconds{};
  std::string_view copy_path;  // empty: no lane has connected yet
  std::optional<std::chrono::seconds> partition_runway;
  std::vector<RecentError> errors;  // newest first
  std::vector<float> rate_history;
  std::vector<float> lag_history;  // NaN: unknown
};

}  // namespace usage_ingest::telemetry
