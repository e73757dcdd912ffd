// What the probe checks where Citus is: on which node we are, which tables it manages, and whether
// the workers can do what the daemon asks of them.
#include <fmt/format.h>

#include "ingest/postgres/blocking/distribution.h"
#include "ingest/postgres/probe/probe_checks.h"

namespace usage_ingest::postgres::probe {
namespace {

constexpr const char* kHasCitus = "SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL";

// The coordinator is group 0. A worker knows its address if it was told to the cluster.
constexpr const char* kWorker = R"sql(
SELECT (SELECT format(' (host=%s port=%s)', nodename, nodeport) FROM pg_catalog.pg_dist_node
         WHERE groupid = 0)
  FROM pg_catalog.pg_dist_local_group WHERE groupid <> 0)sql";

// A statement on these would be distributed, and Citus then refuses functions such as pg_notify().
constexpr const char* kOtherTables = R"sql(
SELECT format('%I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_dist_partition AS p
  JOIN pg_class AS c ON c.oid = p.logicalrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = 'usage_ingest'
    OR (n.nspname = 'public'
        AND c.relname IN ('users', 'models', 'teams', 'team_members', 'subscriptions', 'api_keys',
                          'api_key_models', 'usage_summaries', 'audit_logs', 'daily_usage_cache'))
 ORDER BY 1)sql";

constexpr const char* kColumn = R"sql(
SELECT pg_catalog.column_to_column_name(logicalrelid, partkey)
  FROM pg_catalog.pg_dist_partition WHERE logicalrelid = to_regclass('public.usage_logs'))sql";

// Each worker: its address; how many shards of usage_logs it has, or will have when there are none;
// whether it answers this role, what max_prepared_transactions is there, and whether a time without
// a zone means UTC there, as in our sessions.
constexpr const char* kWorkers = R"sql(
WITH nodes AS (
  SELECT nodename, nodeport, groupid FROM pg_catalog.pg_dist_node
   WHERE noderole = 'primary' AND isactive AND shouldhaveshards AND groupid <> 0
), shards AS (
  SELECT p.groupid, count(*) AS count
    FROM pg_catalog.pg_dist_shard AS s JOIN pg_catalog.pg_dist_placement AS p USING (shardid)
   WHERE s.logicalrelid = to_regclass('public.usage_logs') GROUP BY p.groupid
)
SELECT format('%s:%s', n.nodename, n.nodeport),
       CASE WHEN EXISTS (SELECT FROM shards) THEN COALESCE(s.count, 0)
            ELSE ceil(current_setting('citus.shard_count')::numeric
                      / (SELECT count(*) FROM nodes))::bigint END,
       a.success, CASE WHEN a.success THEN split_part(a.result, ' ', 1) ELSE a.result END,
       a.success AND split_part(a.result, ' ', 2) = 'true'
  FROM nodes AS n
  LEFT JOIN shards AS s USING (groupid)
  JOIN pg_catalog.run_command_on_workers($command$
         SELECT current_setting('max_prepared_transactions') || ' '
                || ('2026-01-01'::timestamptz = '2026-01-01 00:00+00'
                    AND '2026-07-01'::timestamptz = '2026-07-01 00:00+00') $command$) AS a
    ON a.nodename = n.nodename AND a.nodeport = n.nodeport
 ORDER BY 1)sql";

Result<bool> HasCitus(blocking::SyncConnection& connection) {
  auto answer = connection.Execute(kHasCitus);
  if (!answer) return std::unexpected(answer.error());
  return answer->boolean(0, 0);
}

}  // namespace

Result<bool> ProbeNode(blocking::SyncConnection& connection, ProbeReport& report) {
  const auto has_citus = HasCitus(connection);
  if (!has_citus) return std::unexpected(has_citus.error());
  if (!*has_citus) return true;
  auto worker = connection.Execute(kWorker);
  if (!worker) return std::unexpected(worker.error());
  if (worker->count() == 0) return true;
  report.Add(Severity::kFatal, "server",
             "it is a worker of a Citus cluster, and the tables are on the coordinator",
             fmt::format("let postgres.conninfo name the coordinator{}", worker->text(0, 0)));
  return false;
}

Result<> ProbeCitusTables(blocking::SyncConnection& connection, ProbeReport& report) {
  const auto has_citus = HasCitus(connection);
  if (!has_citus) return std::unexpected(has_citus.error());
  if (!*has_citus) return {};
  auto others = connection.Execute(kOtherTables);
  if (!others) return std::unexpected(others.error());
  for (int i = 0; i < others->count(); ++i) {
    report.Add(Severity::kFatal, std::string(others->text(i, 0)),
               "Citus manages it, and may manage usage_logs only: else no quota can be updated",
               fmt::format("SELECT undistribute_table('{}', cascade_via_foreign_keys => true)",
                           others->text(i, 0)));
  }
  auto column = connection.Execute(kColumn);
  if (!column) return std::unexpected(column.error());
  if (column->count() == 0 || column->text(0, 0) == "id") return {};
  const std::string by = column->is_null(0, 0) ? "" : fmt::format(" but by {}", column->text(0, 0));
  report.Add(
      Severity::kFatal, "public.usage_logs",
      fmt::format("Citus does not distribute it by id{}: an event that comes twice could "
                  "be two rows",
                  by),
      "SELECT undistribute_table('public.usage_logs'); then `usage-ingestd migrate --citus`");
  return {};
}

// COPY opens a session for each shard, and COMMIT prepares a transaction in each of them.
Result<> ProbeCitusWorkers(blocking::SyncConnection& connection, std::size_t writers,
                           ProbeReport& report) {
  auto workers = connection.Execute(kWorkers);
  if (!workers) return std::unexpected(workers.error());
  for (int i = 0; i < workers->count(); ++i) {
    const std::string where = fmt::format("worker {}", workers->text(i, 0));
    if (!workers->boolean(i, 2)) {
      report.Add(Severity::kWarning, where,
                 fmt::format("it does not answer this role, and batches wait for it: {}",
                             workers->text(i, 3)),
                 "start it; let the role in there (pg_hba.conf, and .pgpass of the coordinator)");
      continue;
    }
    if (!workers->boolean(i, 4)) {
      report.Add(Severity::kFatal, where,
                 "its TimeZone is not UTC: days and months would begin at another hour there",
                 "on the worker ALTER SYSTEM SET TimeZone = 'UTC'; SELECT pg_reload_conf()");
    }
    const std::int64_t shards = workers->number(i, 1);
    const std::int64_t needed = shards * static_cast<std::int64_t>(writers);
    if (workers->number(i, 3) >= needed) continue;
    report.Add(Severity::kFatal, where,
               fmt::format("{} writers and {} shards need {} prepared transactions there, and "
                           "max_prepared_transactions permits {}",
                           writers, shards, needed, workers->text(i, 3)),
               "on the worker ALTER SYSTEM RESET max_prepared_transactions, and restart it: Citus "
               "then takes twice max_connections");
  }
  return {};
}

Result<> ProbeCitus(blocking::SyncConnection& connection, std::size_t writers,
                    ProbeReport& report) {
  if (auto done = ProbeCitusTables(connection, report); !done) return done;
  const auto is_distributed = blocking::RowsAreDistributed(connection);
  if (!is_distributed) return std::unexpected(is_distributed.error());
  report.facts.is_distributed = *is_distributed;
  if (!*is_distributed) return {};
  return ProbeCitusWorkers(connection, writers, report);
}

}  // namespace usage_ingest::postgres::probe
