#pragma once
// MigrationPlan: the statements that a database still needs for a step whose mode is "plan".
//
// Declared tables and indexes are created as temporary ones in a transaction that is rolled back,
// so that the plan's query compares catalogue with catalogue: no list of columns is written twice,
// and planning takes no lock on a table of LiteMaaS.
#include <string>
#include <vector>

#include "ingest/postgres/migration_step.h"
#include "ingest/postgres/sync_connection.h"

namespace usage_ingest::ingest {

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

[[nodiscard]] Result<std::vector<PlannedStatement>> PlanStep(SyncConnection& connection,
                                                             const MigrationStep& step);

}  // namespace usage_ingest::ingest
