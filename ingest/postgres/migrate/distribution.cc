#include "ingest/postgres/migrate/distribution.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "ingest/postgres/blocking/distribution.h"
#include "ingest/postgres/migrate/distribution_sql.h"
#include "ingest/postgres/migrate/migration_checks.h"
#include "ingest/postgres/probe/probe_checks.h"

namespace usage_ingest::postgres::migrate {
namespace {

// One way's half: a transaction, "" when it is done already.
struct Half {
  std::string_view what;
  std::string sql;
};

Result<> RunHalf(const Half& half, const MigrateOptions& options, MigrationRunner& runner) {
  if (half.sql.empty()) return {};
  if (options.dry_run) {
    fmt::print(runner.out(), "-- {} (transaction)\n{}\n", half.what, half.sql);
    return {};
  }
  fmt::print(runner.out(), "{} ...\n", half.what);
  runner.out().flush();
  return runner.RunTransaction(half.what, half.sql);
}

// The second half is planned when the first one is done, as it may depend on it.
Result<> Distribute(blocking::SyncConnection& connection, bool is_distributed,
                    const MigrateOptions& options, MigrationRunner& runner) {
  const auto keys = connection.ReadText(sql::kReplaceKeys);
  if (!keys) return std::unexpected(keys.error());
  auto done =
      RunHalf({"usage_logs: triggers in the place of foreign keys", *keys}, options, runner);
  if (!done || is_distributed) return done;
  return RunHalf({"usage_logs: all rows go to the workers", sql::kDistribute}, options, runner);
}

Result<> Undistribute(blocking::SyncConnection& connection, bool is_distributed,
                      const MigrateOptions& options, MigrationRunner& runner) {
  if (is_distributed) {
    const auto rows = connection.ReadText(sql::kUndistribute);
    if (!rows) return std::unexpected(rows.error());
    auto done =
        RunHalf({"usage_logs: all rows come back from the workers", *rows}, options, runner);
    if (!done) return done;
  }
  const auto keys = connection.ReadText(sql::kRestoreKeys);
  if (!keys) return std::unexpected(keys.error());
  return RunHalf({"usage_logs: foreign keys in the place of triggers", *keys}, options, runner);
}

}  // namespace

Result<std::string> FindDistributionObstacles(blocking::SyncConnection& connection,
                                              const MigrateOptions& options) {
  std::string problems;
  if (options.distribution != DistributionChange::kDistribute) return problems;
  const auto of_citus = FindObstacles(connection, sql::kCitusObstacles);
  if (!of_citus) return of_citus;
  const auto of_tables = FindObstacles(connection, sql::kTableObstacles);
  if (!of_tables) return of_tables;
  problems = *of_citus + *of_tables;
  if (!of_citus->empty()) return problems;
  const auto of_nodes = FindObstacles(connection, sql::kNodeObstacles);
  if (!of_nodes) return of_nodes;
  probe::ProbeReport report;
  auto probed = probe::ProbeCitusWorkers(connection, options.writers, report);
  if (!probed) return std::unexpected(probed.error());
  return problems + *of_nodes + Lines(report.findings);
}

Result<> SetDistribution(blocking::SyncConnection& connection, const MigrateOptions& options,
                         MigrationRunner& runner) {
  if (options.distribution == DistributionChange::kNone) return {};
  const auto is_distributed = blocking::RowsAreDistributed(connection);
  if (!is_distributed) return std::unexpected(is_distributed.error());
  const bool wanted = options.distribution == DistributionChange::kDistribute;
  auto done = wanted ? Distribute(connection, *is_distributed, options, runner)
                     : Undistribute(connection, *is_distributed, options, runner);
  if (!done) return Fail(done.error().code, fmt::format("distribution: {}", done.error().context));
  if (!options.dry_run) {
    fmt::print(runner.out(), "usage_logs is {}\n",
               wanted ? "distributed by id, in Citus" : "on this server only");
  }
  return {};
}

}  // namespace usage_ingest::postgres::migrate
