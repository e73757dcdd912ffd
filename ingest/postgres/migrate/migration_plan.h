#pragma once
// MigrationPlan: the statements that a database still needs for a step whose mode is "plan".
//
// Declared tables and indexes are created as temporary ones in a transaction that is rolled back,
// so that the plan's query compares catalogue with catalogue: no list of columns is written twice,
// and planning takes no lock on a table of LiteMaaS.
#include <string>
#include <vector>

#include "ingest/postgres/blocking/sync_connection.h"
#include "ingest/postgres/migrate/migration_step.h"

namespace usage_ingest::postgres::migrate {

struct PlannedStatement {
  enum class Kind : unsigned char {
    kRun,           // in a transaction, under lock_timeout
    kConcurrently,  // outside a transaction; waits for others without blocking them
    kTry,           // the same, and duplicates in the data are only reported
    kNote,          // for a person: not executed
  };
  Kind kind;
  std::string sql;
  std::string remark;  // the locks it takes; for a note, why it is left to a person
};

[[nodiscard]] Result<std::vector<PlannedStatement>> PlanStep(blocking::SyncConnection& connection,
                                                             const MigrationStep& step);

}  // namespace usage_ingest::postgres::migrate
