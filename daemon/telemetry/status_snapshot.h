#pragma once
// StatusSnapshot: what the daemon does at one moment, as a value: /status, the page, STATUS= of
// systemd and the command `status` all show the same one.
//
// Units         *_ms milliseconds since the epoch, rates in events a second, counts since start.
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "ingest/pipeline/observer.h"

namespace usage_ingest::telemetry {

struct Readiness {
  bool ready = false;
  std::string reason;  // why not, for a person
};

struct PartitionStatus {
  TopicPartition source;
  std::int64_t next_offset = 0;
  std::int64_t high_watermark = 0;
  std::int64_t lag_records = 0;
  double lag_seconds = 0;
  double rate = 0;
  std::int64_t batches = 0;
  std::int64_t last_commit_ms = 0;  // 0: none yet
  EventCounts outcomes;
  std::vector<float> rate_history;
  std::vector<float> lag_history;
};

struct RecentError {
  std::int64_t time_ms = 0;  // of the last time
  std::string source;        // "postgres", "kafka", "fencing", "gap"
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
  std::int64_t lag_records = 0;
  double lag_seconds = 0;  // of the partition that is furthest behind
  std::int64_t batches = 0;
  std::int64_t rebalances = 0;
  std::int64_t fenced = 0;
  std::int64_t suspended = 0;
  std::vector<PartitionStatus> partitions;
  std::array<std::int64_t, kDeadLetterReasonNames.size()> dead_letters{};
  std::array<std::int64_t, kSkipReasonNames.size()> skipped{};
  std::optional<std::int64_t> dead_letters_pending;  // nullopt: not counted yet
  std::int64_t dead_letters_healed = 0;
  QueueStatus queue;
  bool paused_for_memory = false;
  bool paused_for_postgres = false;
  bool postgres_up = false;
  std::string copy_path;
  std::optional<std::chrono::seconds> partition_runway;
  std::vector<RecentError> errors;  // youngest first
  std::vector<float> rate_history;
  std::vector<float> lag_history;
};

}  // namespace usage_ingest::telemetry
