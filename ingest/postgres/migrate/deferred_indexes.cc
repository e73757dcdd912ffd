#include "ingest/postgres/migrate/deferred_indexes.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "ingest/postgres/admin/index_admin.h"
#include "ingest/postgres/blocking/distribution.h"
#include "ingest/postgres/migrate/deferred_indexes_sql.h"
#include "ingest/postgres/migrate/migration_checks.h"

namespace usage_ingest::postgres::migrate {
namespace {

using batch::IndexTime;

constexpr std::string_view kWhat = "indexes of usage_logs";

// How often the way back builds what others made in the mean time.
constexpr int kBuildRounds = 3;

struct State {
  bool is_known = false;       // step 0036 is applied
  bool is_deferred = false;    // as stored
  bool has_template = false;   // the table whose indexes are deferred
  bool has_immediate = false;  // usage_logs itself has one
  bool is_outdated = false;    // the template has other columns than usage_logs

  [[nodiscard]] bool IsDone(IndexTime wanted) const {
    if (is_outdated) return false;
    return wanted == IndexTime::kDeferred ? is_deferred && has_template && !has_immediate
                                          : !is_deferred && !has_template;
  }
};

Result<State> ReadState(blocking::SyncConnection& connection) {
  const auto is_known = connection.Execute(sql::kHasIndexState);
  if (!is_known) return std::unexpected(is_known.error());
  if (!is_known->boolean(0, 0)) return State{};
  const auto rows = connection.Execute(sql::kIndexState);
  if (!rows) return std::unexpected(rows.error());
  return State{.is_known = true,
               .is_deferred = rows->boolean(0, 0),
               .has_template = rows->boolean(0, 1),
               .has_immediate = rows->boolean(0, 2),
               .is_outdated = rows->boolean(0, 3)};
}

Result<> RunText(blocking::SyncConnection& connection, const char* query) {
  const auto sql = connection.ReadText(query);
  if (!sql) return std::unexpected(sql.error());
  return connection.Run(*sql);
}

Result<> PrintPlan(blocking::SyncConnection& connection, const char* locks, const char* plan,
                   MigrationRunner& runner) {
  fmt::print(runner.out(), "-- {} (transaction)\n", kWhat);
  for (const char* query : {locks, plan}) {
    const auto sql = connection.ReadText(query);
    if (!sql) return std::unexpected(sql.error());
    fmt::print(runner.out(), "{}\n", *sql);
  }
  return {};
}

// Statements that are alone in their transactions.
Result<> RunEach(blocking::SyncConnection& connection, const char* query,
                 const MigrateOptions& options, MigrationRunner& runner) {
  const auto rows = connection.Execute(query);
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->count(); ++row) {
    const std::string sql(rows->text(row, 0));
    if (options.dry_run) {
      fmt::print(runner.out(), "{};\n", sql);
    } else if (auto done = runner.RunTransaction(kWhat, sql); !done) {
      return done;
    }
  }
  return {};
}

// An interrupted run may have added a bound and not validated it.
Result<> AddBounds(blocking::SyncConnection& connection, const MigrateOptions& options,
                   MigrationRunner& runner) {
  const auto rows = connection.Execute(sql::kBounds);
  if (!rows) return std::unexpected(rows.error());
  for (int row = 0; row < rows->count(); ++row) {
    const std::string add(rows->text(row, 0));
    const std::string validate(rows->text(row, 1));
    if (options.dry_run) {
      fmt::print(runner.out(), "{};\n{};\n", add, validate);
      continue;
    }
    Result<> done;
    if (rows->boolean(row, 2)) done = runner.RunTransaction(kWhat, add);
    if (done) done = runner.RunConcurrently(validate);
    if (!done) return done;
  }
  return {};
}

// What the operator is told before it is gone.
Result<> PrintNotes(blocking::SyncConnection& connection, const State& state,
                    const MigrateOptions& options, MigrationRunner& runner) {
  const std::string_view start = options.dry_run ? "-- " : "";
  const auto lost = connection.Execute(sql::kLostIndexes);
  if (!lost) return std::unexpected(lost.error());
  for (int row = 0; row < lost->count(); ++row) {
    fmt::print(runner.out(),
               "{}note: the deferred index {} is removed, because usage_logs has no column {} any "
               "more; it was {}\n",
               start, lost->text(row, 0), lost->text(row, 1), lost->text(row, 2));
  }
  if (!state.has_immediate) return {};
  const auto losses = connection.Execute(sql::kLosses);
  if (!losses) return std::unexpected(losses.error());
  for (int row = 0; row < losses->count(); ++row) {
    fmt::print(runner.out(), "{}note: {}; to set it again: {};\n", start, losses->text(row, 0),
               losses->text(row, 1));
  }
  return {};
}

Result<> Defer(blocking::SyncConnection& connection, const State& state,
               const MigrateOptions& options, MigrationRunner& runner) {
  if (auto done = PrintNotes(connection, state, options, runner); !done) return done;
  if (state.has_immediate) {
    if (auto done = AddBounds(connection, options, runner); !done) return done;
  }
  if (options.dry_run) return PrintPlan(connection, sql::kDeferLocks, sql::kDefer, runner);
  // The plan is read under the locks: others create indexes and partitions until then.
  return runner.RunTransaction(kWhat, [&]() -> Result<> {
    if (auto done = RunText(connection, sql::kDeferLocks); !done) return done;
    return RunText(connection, sql::kDefer);
  });
}

Result<> BuildAll(blocking::SyncConnection& connection, const MigrateOptions& options,
                  MigrationRunner& runner) {
  const auto built = admin::BuildIndexes(
      connection, {.all_partitions = true, .dry_run = options.dry_run}, [&](std::string_view what) {
        fmt::print(runner.out(), "building an index beside the writers: {}\n", what);
        runner.out().flush();
      });
  if (!built) return std::unexpected(built.error());
  for (const admin::BuiltIndex& index : *built) {
    if (!options.dry_run) break;
    fmt::print(runner.out(), "CREATE INDEX CONCURRENTLY ON {} {};\n", index.partition,
               index.definition);
  }
  return admin::CheckAllBuilt(*built);
}

Result<> GiveBack(blocking::SyncConnection& connection, const MigrateOptions& options,
                  MigrationRunner& runner) {
  for (int round = 0; round < kBuildRounds; ++round) {
    if (auto done = BuildAll(connection, options, runner); !done) return done;
    if (options.dry_run) return PrintPlan(connection, sql::kGiveBackLocks, sql::kGiveBack, runner);
    bool lacks_indexes = false;
    auto done = runner.RunTransaction(kWhat, [&]() -> Result<> {
      if (auto locked = RunText(connection, sql::kGiveBackLocks); !locked) return locked;
      const auto lacks = connection.Execute(sql::kLacksIndexes);
      if (!lacks) return std::unexpected(lacks.error());
      lacks_indexes = lacks->boolean(0, 0);
      if (lacks_indexes) return {};
      return RunText(connection, sql::kGiveBack);
    });
    if (!done || !lacks_indexes) return done;
  }
  return Fail(ErrorCode::kUnavailable,
              "partitions lacked an index again after all were built; run it again later");
}

}  // namespace

Result<std::string> FindIndexObstacles(blocking::SyncConnection& connection,
                                       const MigrateOptions& options) {
  std::string problems;
  const bool is_wanted = options.partitions.indexes == IndexTime::kDeferred;
  const auto has_template = connection.Execute(sql::kHasTemplate);
  if (!has_template) return std::unexpected(has_template.error());
  if (!is_wanted && !has_template->boolean(0, 0)) return problems;
  const auto is_distributed = blocking::RowsAreDistributed(connection);
  if (!is_distributed) return std::unexpected(is_distributed.error());
  if (is_wanted &&
      ((*is_distributed && options.distribution != DistributionChange::kUndistribute) ||
       options.distribution == DistributionChange::kDistribute)) {
    problems +=
        "\n  partitions.indexes is \"deferred\", and indexes of a table in Citus cannot be; fix: "
        "set it to \"immediate\";";
  }
  const auto of_indexes = FindObstacles(connection, sql::kIndexObstacles);
  if (!of_indexes) return of_indexes;
  return problems + *of_indexes;
}

Result<> SetIndexes(blocking::SyncConnection& connection, const MigrateOptions& options,
                    MigrationRunner& runner) {
  const auto state = ReadState(connection);
  if (!state) return std::unexpected(state.error());
  const IndexTime wanted = options.partitions.indexes;
  fmt::print(runner.out(), "{}indexes: {} (partitions.indexes)\n", options.dry_run ? "-- " : "",
             NameOf(wanted));
  // Only a dry run comes before the step, and cannot know what there will be.
  if (!state->is_known) return {};
  Result<> done;
  if (!state->IsDone(wanted)) {
    // The indexes that are built on the way back are those of the template.
    const bool is_given_back = wanted == IndexTime::kImmediate;
    if (!is_given_back || state->is_outdated) done = Defer(connection, *state, options, runner);
    if (done && is_given_back) done = GiveBack(connection, options, runner);
  }
  if (done) done = RunEach(connection, sql::kLeftBounds, options, runner);
  if (!done) return Fail(done.error().code, fmt::format("{}: {}", kWhat, done.error().context));
  return {};
}

}  // namespace usage_ingest::postgres::migrate
