#include "ingest/postgres/migrate/migration_runner.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <array>
#include <chrono>

#include "ingest/postgres/admin/daily_admin.h"
#include "ingest/postgres/blocking/retry_while_locked.h"
#include "ingest/postgres/migrate/migration_partitioning.h"
#include "ingest/postgres/session/session_setup.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::migrate {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kProgressInterval = std::chrono::seconds(2);
constexpr int kBatchRows = 1000;  // the LIMIT of the files whose mode is "batches"

// A superuser may migrate for LiteMaaS. What migrate creates must not run with those privileges:
// the owner of usage_logs chooses the functions of its indexes and constraints, and
// ensure_partition() calls them. So each transaction gives what it made to that owner, before
// anything can call it.
constexpr const char* kGiveToOwner = R"sql(
DO $$
DECLARE
    owner NAME := (SELECT pg_get_userbyid(relowner) FROM pg_class
                    WHERE oid = to_regclass('public.usage_logs')
                      AND relowner <> current_user::regrole);
    object TEXT;
BEGIN
    FOR object IN
        SELECT 'SCHEMA usage_ingest' FROM pg_namespace
         WHERE nspname = 'usage_ingest' AND nspowner = current_user::regrole
        UNION ALL
        SELECT format('TABLE %s', c.oid::regclass) FROM pg_class AS c
         WHERE c.relnamespace = to_regnamespace('usage_ingest') AND c.relkind IN ('r', 'v')
           AND c.relowner = current_user::regrole
        UNION ALL
        SELECT format('FUNCTION %s', p.oid::regprocedure) FROM pg_proc AS p
         WHERE p.proowner = current_user::regrole
           AND (p.pronamespace = to_regnamespace('usage_ingest')
                OR p.oid IN (to_regprocedure('public.update_usage_summary()'),
                             to_regprocedure('public.update_updated_at_column()'),
                             to_regprocedure('public.check_subscription_quota()')))
    LOOP
        EXIT WHEN owner IS NULL;
        EXECUTE format('ALTER %s OWNER TO %I', object, owner);
    END LOOP;
END
$$)sql";

std::string BeginWithLockTimeout() {
  return "BEGIN; " + session::SetLockTimeout(limits::kLockTimeoutMigrate);
}

std::string InsertEntry(const blocking::SyncConnection& connection, const Migration& migration) {
  return fmt::format(
      "INSERT INTO usage_ingest.migrations (number, name, checksum) VALUES ({}, {}, {})",
      migration.number, connection.QuoteLiteral(migration.name),
      connection.QuoteLiteral(migration.checksum));
}

}  // namespace

Result<> MigrationRunner::RetryWhileLocked(std::string_view what,
                                           const std::function<Result<>()>& attempt) {
  auto next_report = Clock::now() + kProgressInterval;
  return blocking::RetryWhileLocked(what, options_.lock_wait_max, [&] {
    Result<> done = attempt();
    if (!done && done.error().code == ErrorCode::kConflict && Clock::now() >= next_report) {
      fmt::print(out_, "  waiting for a lock: {}\n", what);
      out_.flush();
      next_report = Clock::now() + kProgressInterval;
    }
    return done;
  });
}

Result<> MigrationRunner::RunTransaction(std::string_view what, const std::string& sql) {
  return RunTransaction(what, [&]() -> Result<> { return connection_.Run(sql); });
}

Result<> MigrationRunner::RunTransaction(std::string_view what,
                                         const std::function<Result<>()>& work) {
  return RetryWhileLocked(what, [&]() -> Result<> {
    auto transaction = blocking::SyncTransaction::Begin(connection_, BeginWithLockTimeout());
    if (!transaction) return std::unexpected(transaction.error());
    if (auto done = work(); !done) return done;
    if (auto done = connection_.Run(kGiveToOwner); !done) return done;
    return transaction->Commit();
  });
}

Result<> MigrationRunner::RunConcurrently(const std::string& sql) {
  const auto started = Clock::now();
  auto done = connection_.Execute(sql, kProgressInterval, [&] {
    fmt::print(out_, "  {:.0f} s: {}{}\n",
               std::chrono::duration<double>(Clock::now() - started).count(), sql, IndexProgress());
    out_.flush();
  });
  if (!done) return std::unexpected(done.error());
  return {};
}

// What a second session sees of the first one's CREATE INDEX; "" when it sees nothing.
std::string MigrationRunner::IndexProgress() {
  if (!watcher_) {
    auto opened = blocking::SyncConnection::Open(conninfo_, "migrate-progress");
    if (!opened) return "";
    watcher_.emplace(std::move(*opened));
  }
  auto rows = watcher_->Execute(
      fmt::format("SELECT phase, 100 * blocks_done / NULLIF(blocks_total, 0) FROM "
                  "pg_stat_progress_create_index WHERE pid = {}",
                  connection_.backend_pid()));
  if (!rows || rows->count() == 0) return "";
  return fmt::format(" ({}{})", rows->text(0, 0),
                     rows->is_null(0, 1) ? "" : fmt::format(", {} %", rows->text(0, 1)));
}

Result<> MigrationRunner::RunBody(const MigrationStep& step) {
  switch (step.mode) {
    case MigrationMode::kTransaction:
      return RunTransaction(
          step.migration.name,
          fmt::format("{};\n{}", step.migration.text, InsertEntry(connection_, step.migration)));
    case MigrationMode::kDeclaration:
      return {};
    case MigrationMode::kPlan:
      return RunPlan(step);
    case MigrationMode::kBatches:
      return RunBatches(step);
    case MigrationMode::kPartitioning:
      return PartitionUsageLogs(connection_, *this);
    case MigrationMode::kHistory:
      return FillHistory();
  }
  std::abort();  // -Wswitch-enum: all modes are above
}

Result<> MigrationRunner::Run(const MigrationStep& step) {
  const auto started = Clock::now();
  Result<> done = RunBody(step);
  // A transaction has entered itself.
  if (done && step.mode != MigrationMode::kTransaction) done = Enter(step.migration);
  if (!done) {
    return Fail(done.error().code,
                fmt::format("{}: {}", step.migration.name, done.error().context));
  }
  fmt::print(out_, "{} done ({:.2f} s)\n", step.migration.name,
             std::chrono::duration<double>(Clock::now() - started).count());
  return {};
}

Result<> MigrationRunner::Enter(const Migration& migration) {
  return RunTransaction("usage_ingest.migrations", InsertEntry(connection_, migration));
}

Result<> MigrationRunner::RunPlan(const MigrationStep& step) {
  auto plan = PlanStep(connection_, step);
  if (!plan) return std::unexpected(plan.error());
  for (const PlannedStatement& statement : *plan) {
    if (auto done = RunPlanned(statement); !done) return done;
  }
  return {};
}

Result<> MigrationRunner::RunPlanned(const PlannedStatement& statement) {
  Result<> done;
  switch (statement.kind) {
    case PlannedStatement::Kind::kRun:
      done = RunTransaction(statement.remark, statement.sql);
      break;
    case PlannedStatement::Kind::kConcurrently:
      done = RunConcurrently(statement.sql);
      break;
    case PlannedStatement::Kind::kTry:
      done = RunConcurrently(statement.sql);
      if (!done && connection_.last_sqlstate() == "23505") {
        fmt::print(out_,
                   "note: {}\n  not possible, the data holds duplicates ({}). When they are "
                   "gone:\n  {};\n",
                   statement.remark, done.error().context, statement.sql);
        return {};
      }
      break;
    case PlannedStatement::Kind::kNote:
      fmt::print(out_, "note: {}:\n  {};\n", statement.remark, statement.sql);
      return {};
  }
  if (done) return {};
  return Fail(done.error().code, fmt::format("{}: {}", statement.sql, done.error().context));
}

Result<> MigrationRunner::RunBatches(const MigrationStep& step) {
  const std::string sql(step.migration.text);
  std::array<blocking::SyncParam, 1> cursor = {std::nullopt};
  std::int64_t batches = 0;
  auto next_report = Clock::now() + kProgressInterval;
  for (bool more = true; more;) {
    auto done = RetryWhileLocked(step.migration.name, [&]() -> Result<> {
      auto transaction = blocking::SyncTransaction::Begin(connection_, BeginWithLockTimeout());
      if (!transaction) return std::unexpected(transaction.error());
      auto rows = connection_.Query(sql, cursor);
      if (!rows) return std::unexpected(rows.error());
      if (auto committed = transaction->Commit(); !committed) return committed;
      more = rows->count() != 0;
      if (more) cursor[0] = std::string(rows->text(0, 0));
      return {};
    });
    if (!done) return done;
    ++batches;
    if (Clock::now() >= next_report) {
      fmt::print(out_, "{}: {} rows\n", step.migration.name, batches * kBatchRows);
      out_.flush();
      next_report = Clock::now() + kProgressInterval;
    }
  }
  return {};
}

// It adds what the rows show and the history does not have (admin/daily_admin.h). So a run that was
// interrupted is continued by the next one, and a daemon may have written the history of some rows.
Result<> MigrationRunner::FillHistory() {
  if (!options_.keeps_history) {
    fmt::print(out_,
               "note: history.daily is off, so the history is not filled; when it is on, run "
               "`usage-ingestd summaries rebuild`\n");
    return {};
  }
  admin::RebuildOptions rebuild;
  rebuild.lock_wait_max = options_.lock_wait_max;
  rebuild.progress = [this, next_report = Clock::now() + kProgressInterval](
                         std::int64_t done, std::int64_t total) mutable {
    if (Clock::now() < next_report) return;
    fmt::print(out_, "  history: {} of {} days\n", done, total);
    out_.flush();
    next_report = Clock::now() + kProgressInterval;
  };
  const auto filled = admin::RebuildDaily(connection_, rebuild);
  if (!filled) return std::unexpected(filled.error());
  if (filled->rows_repaired > 0) {
    fmt::print(out_, "  history: {} rows of {} days\n", filled->rows_repaired, filled->chunks_done);
  }
  return {};
}

Result<> MigrationRunner::Describe(const MigrationStep& step) {
  fmt::print(out_, "-- {} ({})\n", step.migration.name, Name(step.mode));
  if (step.mode == MigrationMode::kTransaction || step.mode == MigrationMode::kBatches) {
    fmt::print(out_, "{}\n", step.migration.text);  // its header says the locks
    return {};
  }
  fmt::print(out_, "-- {}\n-- Locks: {}\n-- Time: {}\n\n", step.purpose, step.locks, step.time);
  if (step.mode == MigrationMode::kDeclaration || step.mode == MigrationMode::kHistory) return {};
  if (step.mode == MigrationMode::kPartitioning) return DescribePartitioning(connection_, out_);
  auto plan = PlanStep(connection_, step);
  if (!plan) return std::unexpected(plan.error());
  for (const PlannedStatement& statement : *plan) {
    const bool note = statement.kind == PlannedStatement::Kind::kNote;
    fmt::print(out_, "{}{}\n{}{};\n", note ? "-- left to you: " : "-- ", statement.remark,
               note ? "-- " : "", statement.sql);
  }
  return {};
}

}  // namespace usage_ingest::postgres::migrate
