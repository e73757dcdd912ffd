#pragma once
// PartitionAdmin: the partitions of usage_logs, for `partitions list|ensure|retain`.
//
// List and Ensure work as the daemon's role; Retain drops tables and needs their owner, so a
// systemd timer of its own runs it, never the daemon.
//
// Units         bounds are UTC; an end that is open (MINVALUE, MAXVALUE) is nullopt.
// Errors        kUnavailable: a lock was not free for `lock_wait_max`; kConflict is not returned.
// Source        PostgreSQL 15 manual, ALTER TABLE, "DETACH PARTITION ... CONCURRENTLY".
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/postgres/batch/partition_plan.h"
#include "ingest/postgres/blocking/sync_connection.h"
#include "schema/limits.h"
#include "schema/strong.h"

namespace usage_ingest::postgres::admin {

struct PartitionInfo {
  std::string name;  // schema-qualified, quoted where it must be
  std::optional<EventTimeUs> from;
  std::optional<EventTimeUs> to;  // exclusive
  bool is_default = false;
  bool detach_pending = false;
  std::int64_t bytes = 0;           // with indexes
  std::int64_t rows_estimate = 0;   // the planner's; -1 before the first ANALYZE
  std::int64_t indexes_wanted = 0;  // beside its key, in the end: partitions.indexes
  std::int64_t indexes_valid = 0;
};

// Sorted by `from`.
[[nodiscard]] Result<std::vector<PartitionInfo>> ListPartitions(
    blocking::SyncConnection& connection);

// How long the partitions last from `now` without a gap; zero when there is none for `now`.
[[nodiscard]] std::chrono::seconds PartitionRunway(const std::vector<PartitionInfo>& partitions,
                                                   EventTimeUs now);

// What new partitions cover. Those that are there stay as they are.
[[nodiscard]] Result<batch::PartitionUnit> ReadPartitionUnit(blocking::SyncConnection& connection);
[[nodiscard]] Result<> SetPartitionUnit(blocking::SyncConnection& connection,
                                        batch::PartitionUnit unit);

struct EnsureOptions {
  batch::PartitionPlan plan = {};  // `by` is not read: usage_ingest.partitioning says it
  std::chrono::seconds lock_wait_max = limits::kEnsureLockWaitMax;
};
struct EnsuredPartition {
  std::string first_day;  // YYYY-MM-DD
  bool created = false;
};
// The current month or day of the server's clock, and as many as asked after it.
[[nodiscard]] Result<std::vector<EnsuredPartition>> EnsurePartitions(
    blocking::SyncConnection& connection, const EnsureOptions& options);

struct RetainOptions {
  batch::PartitionPlan plan = {};
  bool keep_tables = false;  // detach only
  bool dry_run = false;
  std::chrono::seconds lock_wait_max = limits::kCommandLockWaitMax;
};
struct RetainedPartition {
  std::string name;
  enum class Outcome : unsigned char { kWouldGo, kDetached, kDropped } outcome;
};
// `progress` hears of each partition before it is touched; may be empty.
[[nodiscard]] Result<std::vector<RetainedPartition>> RetainPartitions(
    blocking::SyncConnection& connection, const RetainOptions& options,
    const std::function<void(std::string_view)>& progress);

}  // namespace usage_ingest::postgres::admin
