// Indexes that are not deferred, and deferred ones that are never built: another program may create
// indexes on usage_logs itself, drop a column of it, or drop the table that keeps the definitions.
#include <fmt/format.h>

#include "ingest/postgres/probe/probe_checks.h"

namespace usage_ingest::postgres::probe {
namespace {

// Of a partitioned table, so that each partition has them from the beginning.
constexpr const char* kNotDeferred = R"sql(
SELECT s.name FROM usage_ingest.partitioning AS p, usage_ingest.secondary_indexes() AS s
 WHERE p.indexes = 'deferred' AND NOT s.is_deferred
 ORDER BY 1)sql";

constexpr const char* kChangedColumns = R"sql(
SELECT s.name, COALESCE(s.lost_column, s.changed_column)
  FROM usage_ingest.partitioning AS p, usage_ingest.secondary_indexes() AS s
 WHERE p.indexes = 'deferred' AND (s.lost_column IS NOT NULL OR s.changed_column IS NOT NULL)
 ORDER BY 1)sql";

// Is there nothing to build, and is that because the table is missing?
constexpr const char* kNoneDeferred = R"sql(
SELECT p.indexes = 'deferred'
         AND NOT EXISTS (SELECT FROM usage_ingest.secondary_indexes() AS s WHERE s.is_deferred),
       to_regclass('public.usage_logs_deferred_indexes') IS NULL
  FROM usage_ingest.partitioning AS p)sql";

// As schema/sql/0005_declare_indexes.sql has them for usage_logs.
constexpr const char* kIndexesOfSeed =
    "CREATE INDEX idx_usage_logs_subscription ON public.usage_logs_deferred_indexes "
    "(subscription_id); CREATE INDEX idx_usage_logs_created ON "
    "public.usage_logs_deferred_indexes (created_at); CREATE INDEX idx_usage_logs_model ON "
    "public.usage_logs_deferred_indexes (model_id); CREATE INDEX idx_usage_logs_team ON "
    "public.usage_logs_deferred_indexes (team_id); CREATE INDEX idx_usage_logs_litellm ON "
    "public.usage_logs_deferred_indexes (litellm_request_id)";

constexpr const char* kMigrate = "run `usage-ingestd migrate`";

}  // namespace

Result<> ProbeIndexes(blocking::SyncConnection& connection, ProbeReport& report) {
  const auto indexes = connection.Execute(kNotDeferred);
  if (!indexes && connection.last_sqlstate() == "42501") return {};  // ProbePrivileges says it
  if (!indexes) return std::unexpected(indexes.error());
  for (int i = 0; i < indexes->count(); ++i) {
    report.Add(Severity::kWarning, fmt::format("index {}", indexes->text(i, 0)),
               "it is an index of usage_logs, and partitions.indexes is \"deferred\": each row "
               "is added to it at once",
               kMigrate);
  }
  const auto changed = connection.Execute(kChangedColumns);
  if (!changed) return std::unexpected(changed.error());
  for (int i = 0; i < changed->count(); ++i) {
    report.Add(Severity::kWarning, fmt::format("deferred index {}", changed->text(i, 0)),
               fmt::format("it is not built, because column {} of usage_logs was dropped or has "
                           "another type",
                           changed->text(i, 1)),
               kMigrate);
  }
  const auto none = connection.Execute(kNoneDeferred);
  if (!none) return std::unexpected(none.error());
  if (none->count() == 1 && none->boolean(0, 0)) {
    const bool is_missing = none->boolean(0, 1);
    report.Add(Severity::kWarning, "table public.usage_logs_deferred_indexes",
               fmt::format("it {}: `partitions index` builds nothing",
                           is_missing ? "is missing" : "has no index"),
               fmt::format("{}{}, and your own",
                           is_missing ? "run `usage-ingestd migrate`, then " : "", kIndexesOfSeed));
  }
  return {};
}

}  // namespace usage_ingest::postgres::probe
