#pragma once
// MigrationRunner: applies one step, or says what it would do.
//
// Owner         Migrate(), which holds the advisory lock.
// Errors        a lock that is not free is tried again until lock_wait_max is over; every other
//               error is returned with the step's name.
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "ingest/postgres/blocking/sync_connection.h"
#include "ingest/postgres/migrate/migration_plan.h"
#include "ingest/postgres/migrate/migration_step.h"
#include "ingest/postgres/migrate/migrator.h"

namespace usage_ingest::postgres::migrate {

class MigrationRunner {
 public:
  // `conninfo` is for a second session that watches how far a long statement is.
  MigrationRunner(blocking::SyncConnection& connection, std::string_view conninfo,
                  const MigrateOptions& options, std::ostream& out)
      : connection_(connection), conninfo_(conninfo), options_(options), out_(out) {}

  // Applies it and enters it in usage_ingest.migrations.
  Result<> Run(const MigrationStep& step);
  // Prints it; the database is only read.
  Result<> Describe(const MigrationStep& step);

  // Repeats `attempt` while it fails only for a lock.
  Result<> RetryWhileLocked(std::string_view what, const std::function<Result<>()>& attempt);
  // `sql` in one transaction under the short lock_timeout, repeated while it is locked.
  Result<> RunTransaction(std::string_view what, const std::string& sql);
  // The same for statements that depend on what `work` reads under its locks.
  Result<> RunTransaction(std::string_view what, const std::function<Result<>()>& work);
  // `sql` outside a transaction, without a time-out: for ... CONCURRENTLY.
  Result<> RunConcurrently(const std::string& sql);
  [[nodiscard]] std::ostream& out() { return out_; }

 private:
  Result<> RunBody(const MigrationStep& step);
  Result<> RunPlan(const MigrationStep& step);
  Result<> RunPlanned(const PlannedStatement& statement);
  Result<> RunBatches(const MigrationStep& step);
  Result<> FillHistory();
  Result<> Enter(const Migration& migration);
  std::string IndexProgress();

  blocking::SyncConnection& connection_;
  std::string conninfo_;
  std::optional<blocking::SyncConnection> watcher_;
  const MigrateOptions& options_;
  std::ostream& out_;
};

}  // namespace usage_ingest::postgres::migrate
