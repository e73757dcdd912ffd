#pragma once
// MigrationStep: what the header of a migration says about how to apply it.
//
// Errors        a header that cannot be read is a bug and aborts: the files are embedded.
#include <string>
#include <string_view>
#include <vector>

#include "schema/migrations.h"

namespace usage_ingest::postgres::migrate {

enum class MigrationMode : unsigned char {
  kTransaction,   // the text, in one transaction
  kDeclaration,   // only read by plans
  kPlan,          // a query whose rows are the statements, each in a transaction of its own
  kBatches,       // a statement with a cursor as $1 that returns the next one, or no row at the end
  kPartitioning,  // migration_partitioning.h
  kHistory,       // MigrationRunner::FillHistory
};

struct MigrationStep {
  Migration migration;
  MigrationMode mode;
  std::vector<int> shadow;  // numbers of the declarations that a plan compares with
  std::string purpose;
  std::string locks;
  std::string time;
  std::string reversible;
};

[[nodiscard]] MigrationStep ParseMigration(const Migration& migration);
[[nodiscard]] std::string_view Name(MigrationMode mode);

}  // namespace usage_ingest::postgres::migrate
