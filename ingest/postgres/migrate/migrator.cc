#include "ingest/postgres/migrate/migrator.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <array>
#include <map>
#include <thread>

#include "ingest/postgres/admin/partition_admin.h"
#include "ingest/postgres/blocking/sync_connection.h"
#include "ingest/postgres/migrate/deferred_indexes.h"
#include "ingest/postgres/migrate/distribution.h"
#include "ingest/postgres/migrate/migration_checks.h"
#include "ingest/postgres/migrate/migration_runner.h"
#include "ingest/postgres/migrate/migration_step.h"
#include "ingest/postgres/migrate/quota_triggers.h"

namespace usage_ingest::postgres::migrate {
namespace {

using Clock = std::chrono::steady_clock;

// The step whose run is the hand-over from the seed's trigger.
constexpr int kHandOverStep = 15;
// An arbitrary number, other than that of ensure_partition.
constexpr std::string_view kMigrateLock = "7305801562440212768";

// Source: PostgreSQL 15 manual, appendix A.
constexpr std::string_view kInsufficientPrivilege = "42501";

// Number to checksum of the steps that are finished.
using AppliedSteps = std::map<int, std::string>;

// Repeated instead of waited for: a session that waits inside a statement has a snapshot, and a
// CREATE INDEX CONCURRENTLY of the session that holds the lock would wait for that.
Result<> TakeMigrateLock(blocking::SyncConnection& connection, const MigrateOptions& options,
                         std::ostream& out) {
  const auto deadline = Clock::now() + options.lock_wait_max;
  for (bool said = false;; said = true) {
    auto locked = connection.Execute(fmt::format("SELECT pg_try_advisory_lock({})", kMigrateLock));
    if (!locked) return std::unexpected(locked.error());
    if (locked->boolean(0, 0)) return {};
    if (Clock::now() >= deadline) {
      return Fail(ErrorCode::kUnavailable, "another migrate is still running; run this one later");
    }
    if (!said) fmt::print(out, "another migrate is running; waiting for it\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

Result<AppliedSteps> ReadAppliedSteps(blocking::SyncConnection& connection) {
  auto there = connection.Execute("SELECT to_regclass('usage_ingest.migrations') IS NOT NULL");
  if (!there) return std::unexpected(there.error());
  AppliedSteps applied;
  if (!there->boolean(0, 0)) return applied;
  auto rows = connection.Execute("SELECT number, checksum FROM usage_ingest.migrations");
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->count(); ++i) {
    applied.emplace(static_cast<int>(rows->number(i, 0)), rows->text(i, 1));
  }
  return applied;
}

Result<> CheckAppliedSteps(const AppliedSteps& applied) {
  const auto known = Migrations();
  for (const auto& [number, checksum] : applied) {
    if (number < 1 || static_cast<std::size_t>(number) > known.size()) {
      return Fail(
          ErrorCode::kFatal,
          fmt::format("the database has migration {}, this binary knows {}: it was migrated "
                      "by a newer usage-ingestd; install that one",
                      number, known.size()));
    }
    const Migration& migration = known[static_cast<std::size_t>(number) - 1];
    if (migration.checksum != checksum) {
      return Fail(ErrorCode::kFatal,
                  fmt::format("{} was applied with another text (checksum {} in "
                              "usage_ingest.migrations, {} in this binary): install the "
                              "usage-ingestd that migrated this database",
                              migration.name, checksum, migration.checksum));
    }
  }
  return {};
}

std::vector<MigrationStep> PendingSteps(const AppliedSteps& applied) {
  std::vector<MigrationStep> pending;
  for (const Migration& migration : Migrations()) {
    if (!applied.contains(migration.number)) pending.push_back(ParseMigration(migration));
  }
  return pending;
}

// Fails before the first change if a step would fail.
Result<AppliedSteps> ReadAndCheck(blocking::SyncConnection& connection,
                                  const MigrateOptions& options) {
  auto applied = ReadAppliedSteps(connection);
  if (!applied && connection.last_sqlstate() == kInsufficientPrivilege) {
    // They say which right is missing.
    if (auto done = CheckBeforeMigrate(connection, options); !done) {
      return std::unexpected(done.error());
    }
  }
  if (!applied) return applied;
  if (auto done = CheckAppliedSteps(*applied); !done) return std::unexpected(done.error());
  if (auto done = CheckBeforeMigrate(connection, options); !done) {
    return std::unexpected(done.error());
  }
  return applied;
}

// What a configuration says and a later migrate may change.
Result<> ApplySettings(blocking::SyncConnection& connection, const MigrateOptions& options,
                       MigrationRunner& runner, std::ostream& out) {
  if (auto done = SetQuotaTriggers(connection, options, runner); !done) return done;
  fmt::print(out, "{}partitions: new ones cover a {} (partitions.by)\n",
             options.dry_run ? "-- " : "", NameOf(options.partitions.by));
  const bool undistributes = options.distribution == DistributionChange::kUndistribute;
  for (const auto set : undistributes ? std::array{SetDistribution, SetIndexes}
                                      : std::array{SetIndexes, SetDistribution}) {
    if (auto done = set(connection, options, runner); !done) return done;
  }
  return {};
}

}  // namespace

Result<> Migrate(std::string_view conninfo, const MigrateOptions& options, std::ostream& out) {
  auto connection = blocking::SyncConnection::Open(conninfo, "migrate");
  if (!connection) return std::unexpected(connection.error());
  connection->OnWarning([&](std::string_view text) { fmt::print(out, "warning: {}\n", text); });
  if (!options.dry_run) {
    if (auto done = TakeMigrateLock(*connection, options, out); !done) return done;
  }
  const auto applied = ReadAndCheck(*connection, options);
  if (!applied) return std::unexpected(applied.error());

  MigrationRunner runner(*connection, conninfo, options, out);
  const std::vector<MigrationStep> pending = PendingSteps(*applied);
  if (options.on_steps) options.on_steps(pending);
  for (const MigrationStep& step : pending) {
    if (auto done = options.dry_run ? runner.Describe(step) : runner.Run(step); !done) return done;
  }
  if (auto done = ApplySettings(*connection, options, runner, out); !done) return done;
  if (options.dry_run) {
    fmt::print(out, "-- {} of {} steps to do; nothing was changed\n", pending.size(),
               Migrations().size());
    return {};
  }
  const auto unit = admin::SetPartitionUnit(*connection, options.partitions.by);
  if (!unit) return unit;
  const auto ensured = admin::EnsurePartitions(
      *connection, {.plan = options.partitions, .lock_wait_max = options.lock_wait_max});
  if (!ensured) return std::unexpected(ensured.error());
  const auto reported = ReportAfterMigrate(*connection, !applied->contains(kHandOverStep), out);
  if (!reported) return reported;
  fmt::print(out, "database is at {}, {} steps applied\n", Migrations().back().name,
             pending.size());
  return {};
}

}  // namespace usage_ingest::postgres::migrate
