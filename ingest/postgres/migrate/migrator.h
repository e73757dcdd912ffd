#pragma once
// Migrate: brings a database to the schema that this binary works with.
//
// Works on an empty database, on one made from the seed document, and on one that LiteMaaS filled:
// it adds what is missing, accepts differences that work, and refuses the others with the SQL for a
// person. Steps are the files of schema/sql. A finished step is in usage_ingest.migrations, so a
// run that failed is continued by the next one.
//
// Thread-safety several at a time are safe: an advisory lock lets one in after the other.
// Limit         a lock on a table of LiteMaaS is waited for at most limits::kLockTimeoutMigrate,
//               and so are several locks together (usage_ingest.lock_tables), because sessions
//               behind us in the queue wait too. It is tried again for `lock_wait_max`.
// Errors        kFatal with what, where and how to fix; kUnavailable when the server went away.
#include <chrono>
#include <functional>
#include <iosfwd>
#include <string_view>
#include <vector>

#include "ingest/postgres/batch/partition_plan.h"
#include "ingest/postgres/batch/quota_enforcement.h"
#include "ingest/postgres/migrate/migration_step.h"
#include "schema/error.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::migrate {

// Told once, before the first step: the steps that are to be done.
using OnMigrationSteps = std::function<void(const std::vector<MigrationStep>& steps)>;

enum class DistributionChange : unsigned char { kNone, kDistribute, kUndistribute };

struct MigrateOptions {
  bool dry_run = false;  // print the plan; change nothing, lock nothing
  batch::PartitionPlan partitions = {};
  bool keeps_history = true;  // history.daily
  batch::QuotaEnforcement enforce_quotas = batch::QuotaEnforcement::kAuto;
  DistributionChange distribution = DistributionChange::kNone;
  std::size_t writers = 1;  // of the daemon, which the workers of Citus must have room for
  std::chrono::seconds lock_wait_max = limits::kCommandLockWaitMax;  // for each lock
  OnMigrationSteps on_steps = {};
};

Result<> Migrate(std::string_view conninfo, const MigrateOptions& options, std::ostream& out);

}  // namespace usage_ingest::postgres::migrate
