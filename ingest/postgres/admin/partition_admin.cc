#include "ingest/postgres/admin/partition_admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ingest/postgres/admin/history_lock.h"
#include "ingest/postgres/blocking/distribution.h"
#include "ingest/postgres/blocking/retry_while_locked.h"
#include "ingest/postgres/session/session_setup.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::admin {
namespace {

constexpr const char* kListPartitions = R"sql(
SELECT p.name, p.is_default, p.detach_pending,
       CASE WHEN isfinite(p.from_time) THEN extract(epoch FROM p.from_time) * 1000000 END::bigint,
       CASE WHEN isfinite(p.to_time) THEN extract(epoch FROM p.to_time) * 1000000 END::bigint,
       usage_ingest.bytes_of_partition(p.name::regclass), c.reltuples::bigint,
       COALESCE(i.wanted, 0), COALESCE(i.valid, 0)
  FROM usage_ingest.partitions_of_usage_logs() AS p
  JOIN pg_class AS c ON c.oid = p.name::regclass
  LEFT JOIN (SELECT partition, count(*) AS wanted,
                    count(*) FILTER (WHERE state = 'valid') AS valid
               FROM usage_ingest.partition_indexes GROUP BY 1) AS i ON i.partition = p.name
 ORDER BY p.from_time NULLS LAST)sql";

// A rebuild that began before the rows of a month were dropped would compare its summaries with
// none.
constexpr const char* kNoRebuild =
    "a `summaries rebuild` is running, and it needs the rows; run retain when it has ended";

// Partitions that end before the first month or day that is kept ($1 months, $2 days); before them
// one that is being detached already, since PostgreSQL allows only one at a time; and tables that
// an interrupted retain has detached but not dropped. A table that another hand detached stays.
constexpr const char* kRetirable = R"sql(
SELECT p.name, p.detach_pending, true AS is_partition, is_old
  FROM usage_ingest.partitions_of_usage_logs() AS p,
       LATERAL (SELECT COALESCE(
           p.to_time <= date_trunc(CASE WHEN $2::integer > 0 THEN 'day' ELSE 'month' END, now())
                          - make_interval(months => $1::integer, days => $2::integer),
           false)) AS o(is_old)
 WHERE is_old OR p.detach_pending
UNION ALL
SELECT c.oid::regclass::text, false, false, true
  FROM usage_ingest.retired_partitions AS r
  JOIN pg_class AS c ON c.oid = r.table_oid AND c.oid = to_regclass(r.table_name)
 WHERE c.relkind = 'r' AND NOT c.relispartition AND r.is_to_be_dropped AND r.detached_at IS NOT NULL
 ORDER BY 2 DESC, 1)sql";

// $1 the table, $2 whether it is to be dropped. Before it is detached: from then on no rebuild
// touches its time.
constexpr const char* kRecordRetired = R"sql(
INSERT INTO usage_ingest.retired_partitions AS r
  (table_oid, table_name, from_time, to_time, is_to_be_dropped)
SELECT p.name::regclass::oid, p.name, p.from_time, p.to_time, $2::boolean
  FROM usage_ingest.partitions_of_usage_logs() AS p WHERE p.name = $1
ON CONFLICT (table_oid) DO UPDATE SET table_name = excluded.table_name,
  from_time = excluded.from_time, to_time = excluded.to_time,
  is_to_be_dropped = excluded.is_to_be_dropped, retired_at = excluded.retired_at,
  detached_at = NULL)sql";
constexpr const char* kRecordDetached =
    "UPDATE usage_ingest.retired_partitions SET detached_at = clock_timestamp() "
    "WHERE table_oid = $1::regclass";

// What DROP locks for the foreign keys, the busiest table last (as ensure_partition does).
constexpr const char* kLockParents =
    "SELECT usage_ingest.lock_tables('ACCESS EXCLUSIVE', ARRAY['public.teams', 'public.api_keys', "
    "'public.subscriptions'])";

std::optional<EventTimeUs> Bound(const blocking::SyncRows& rows, int row, int column) {
  if (rows.is_null(row, column)) return std::nullopt;
  return EventTimeUs{rows.number(row, column)};
}

// For the session: DETACH ... CONCURRENTLY runs outside a transaction. Zero: wait as long as it
// takes.
Result<> SetLockTimeout(blocking::SyncConnection& connection, std::chrono::milliseconds timeout) {
  return connection.Run(session::SetLockTimeout(timeout, session::SettingScope::kSession));
}

// DETACH ... CONCURRENTLY commits in the middle. When it then meets a lock it leaves the partition
// pending: invisible to new queries already, and finished by FINALIZE only. Citus does not know it,
// and a DETACH without it needs a moment without readers and writers.
Result<> Detach(blocking::SyncConnection& connection, const std::string& name, bool pending,
                std::chrono::seconds lock_wait_max) {
  const auto is_distributed = blocking::RowsAreDistributed(connection);
  if (!is_distributed) return std::unexpected(is_distributed.error());
  const std::string_view way = *is_distributed ? "" : "CONCURRENTLY";
  const std::string detach =
      fmt::format("ALTER TABLE public.usage_logs DETACH PARTITION {} ", name);
  const std::array<blocking::SyncParam, 1> param = {name};
  return blocking::RetryWhileLocked("detach " + name, lock_wait_max, [&]() -> Result<> {
    auto done = connection.Run(fmt::format("{}{}", detach, pending ? "FINALIZE" : way));
    if (done || pending) return done;
    auto state = connection.Query(
        "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = $1::regclass", param);
    if (!state) return std::unexpected(state.error());
    pending = state->count() == 1 && state->boolean(0, 0);
    return done;
  });
}

Result<> Drop(blocking::SyncConnection& connection, const std::string& name,
              std::chrono::seconds lock_wait_max) {
  return blocking::RetryWhileLocked("drop " + name, lock_wait_max, [&]() -> Result<> {
    auto transaction = blocking::SyncTransaction::Begin(connection);
    if (!transaction) return std::unexpected(transaction.error());
    for (const std::string& sql : {std::string(kLockParents), "DROP TABLE " + name}) {
      if (auto done = connection.Run(sql); !done) return done;
    }
    return transaction->Commit();
  });
}

struct Retirable {
  std::string name;
  bool detach_pending;
  bool is_partition;
  bool is_old;
};

Result<std::vector<Retirable>> FindRetirable(blocking::SyncConnection& connection,
                                             const RetainOptions& options) {
  const std::array<blocking::SyncParam, 2> params = {std::to_string(options.plan.retention_months),
                                                     std::to_string(options.plan.retention_days)};
  auto rows = connection.Query(kRetirable, params);
  if (!rows) return std::unexpected(rows.error());
  std::vector<Retirable> found;
  found.reserve(static_cast<std::size_t>(rows->count()));
  for (int i = 0; i < rows->count(); ++i) {
    found.push_back({.name = std::string(rows->text(i, 0)),
                     .detach_pending = rows->boolean(i, 1),
                     .is_partition = rows->boolean(i, 2),
                     .is_old = rows->boolean(i, 3)});
  }
  return found;
}

// PostgreSQL manual, ALTER TABLE, DETACH PARTITION: not CONCURRENTLY beside a DEFAULT partition.
Result<> RefuseBesideDefault(blocking::SyncConnection& connection) {
  auto rows = connection.Execute(
      "SELECT name FROM usage_ingest.partitions_of_usage_logs() WHERE is_default");
  if (!rows) return std::unexpected(rows.error());
  if (rows->count() == 0) return {};
  return Fail(
      ErrorCode::kFatal,
      fmt::format("{0} is a DEFAULT partition, and nothing can be detached beside writers as "
                  "long as there is one; fix: ALTER TABLE public.usage_logs DETACH "
                  "PARTITION {0}, then INSERT its rows into usage_logs",
                  rows->text(0, 0)));
}

Result<RetainedPartition> Retire(blocking::SyncConnection& connection, const Retirable& table,
                                 const RetainOptions& options) {
  using Outcome = RetainedPartition::Outcome;
  const bool drops = table.is_old && !options.keep_tables;
  if (options.dry_run) return RetainedPartition{.name = table.name, .outcome = Outcome::kWouldGo};
  if (table.is_partition) {
    const std::array<blocking::SyncParam, 2> record = {table.name, drops ? "true" : "false"};
    if (table.is_old) {
      auto recorded = connection.Query(kRecordRetired, record);
      if (!recorded) return std::unexpected(recorded.error());
    }
    auto done = Detach(connection, table.name, table.detach_pending, options.lock_wait_max);
    if (!done) return std::unexpected(done.error());
    auto detached = connection.Query(kRecordDetached, std::span(record).first(1));
    if (!detached) return std::unexpected(detached.error());
  }
  if (!drops) return RetainedPartition{.name = table.name, .outcome = Outcome::kDetached};
  if (auto done = Drop(connection, table.name, options.lock_wait_max); !done) {
    return std::unexpected(done.error());
  }
  return RetainedPartition{.name = table.name, .outcome = Outcome::kDropped};
}

}  // namespace

Result<std::vector<PartitionInfo>> ListPartitions(blocking::SyncConnection& connection) {
  auto rows = connection.Execute(kListPartitions);
  if (!rows) return std::unexpected(rows.error());
  std::vector<PartitionInfo> partitions;
  partitions.reserve(static_cast<std::size_t>(rows->count()));
  for (int i = 0; i < rows->count(); ++i) {
    partitions.push_back({.name = std::string(rows->text(i, 0)),
                          .from = Bound(*rows, i, 3),
                          .to = Bound(*rows, i, 4),
                          .is_default = rows->boolean(i, 1),
                          .detach_pending = rows->boolean(i, 2),
                          .bytes = rows->number(i, 5),
                          .rows_estimate = rows->number(i, 6),
                          .indexes_wanted = rows->number(i, 7),
                          .indexes_valid = rows->number(i, 8)});
  }
  return partitions;
}

std::chrono::seconds PartitionRunway(const std::vector<PartitionInfo>& partitions,
                                     EventTimeUs now) {
  EventTimeUs covered_to = now;
  for (const PartitionInfo& partition : partitions) {
    if (partition.is_default || partition.detach_pending) continue;
    if (partition.from && *partition.from > covered_to) break;
    if (!partition.to) return std::chrono::seconds::max();
    covered_to = std::max(covered_to, *partition.to);
  }
  return std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::microseconds(covered_to.value - now.value));
}

Result<batch::PartitionUnit> ReadPartitionUnit(blocking::SyncConnection& connection) {
  const auto rows = connection.Execute("SELECT unit FROM usage_ingest.partitioning");
  if (!rows) return std::unexpected(rows.error());
  const bool is_day = rows->count() == 1 && rows->text(0, 0) == NameOf(batch::PartitionUnit::kDay);
  return is_day ? batch::PartitionUnit::kDay : batch::PartitionUnit::kMonth;
}

Result<> SetPartitionUnit(blocking::SyncConnection& connection, batch::PartitionUnit unit) {
  const std::array<blocking::SyncParam, 1> param = {std::string(NameOf(unit))};
  const auto done =
      connection.Query("UPDATE usage_ingest.partitioning SET unit = $1 WHERE unit <> $1", param);
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<std::vector<EnsuredPartition>> EnsurePartitions(blocking::SyncConnection& connection,
                                                       const EnsureOptions& options) {
  const std::array<blocking::SyncParam, 2> ahead = {std::to_string(options.plan.months_ahead),
                                                    std::to_string(options.plan.days_ahead)};
  const auto days = connection.Query(
      "SELECT day::text FROM usage_ingest.partitions_ahead($1::integer, $2::integer) AS day",
      ahead);
  if (!days) return std::unexpected(days.error());
  std::vector<EnsuredPartition> partitions;
  for (int row = 0; row < days->count(); ++row) {
    const std::array<blocking::SyncParam, 1> day = {std::string(days->text(row, 0))};
    auto done = blocking::RetryWhileLocked(
        "a partition of usage_logs", options.lock_wait_max, [&]() -> Result<> {
          auto made = connection.Query("SELECT usage_ingest.ensure_partition($1::date)", day);
          if (!made) return std::unexpected(made.error());
          partitions.push_back({.first_day = *day[0], .created = made->text(0, 0) == "created"});
          return {};
        });
    if (!done) return std::unexpected(done.error());
  }
  return partitions;
}

Result<std::vector<RetainedPartition>> RetainPartitions(
    blocking::SyncConnection& connection, const RetainOptions& options,
    const std::function<void(std::string_view)>& progress) {
  std::vector<RetainedPartition> retained;
  if (options.plan.keeps_everything()) return retained;
  const auto lock = TakeHistoryLock(connection, kNoRebuild);
  if (!lock) return std::unexpected(lock.error());
  const auto tables = FindRetirable(connection, options);
  if (!tables) return std::unexpected(tables.error());
  if (!tables->empty()) {
    auto done = RefuseBesideDefault(connection);
    if (!done) return std::unexpected(done.error());
  }
  if (auto done = SetLockTimeout(connection, limits::kLockTimeoutRetire); !done)
    return std::unexpected(done.error());
  for (const Retirable& table : *tables) {
    if (progress) progress(table.name);
    auto retired = Retire(connection, table, options);
    if (!retired) return std::unexpected(retired.error());
    retained.push_back(std::move(*retired));
  }
  if (auto done = SetLockTimeout(connection, {}); !done) return std::unexpected(done.error());
  return retained;
}

}  // namespace usage_ingest::postgres::admin
