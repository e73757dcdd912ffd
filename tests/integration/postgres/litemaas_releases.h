#pragma once
// LiteMaasReleases: databases as releases of LiteMaaS create them (tests/data/litemaas/README.md).
//
// Errors        throws.
#include <ostream>
#include <string>
#include <vector>

#include "tests/support/postgres/database.h"

namespace usage_ingest::postgres {

struct LiteMaasRelease {
  std::string name;                // as GoogleTest allows it
  std::vector<std::string> files;  // in tests/data/litemaas, in order
  bool has_usage = false;          // its own usage_logs, of which `migrate` refuses something

  friend void PrintTo(const LiteMaasRelease& release, std::ostream* out) { *out << release.name; }
};
// 0.0.7, 0.0.19, 0.2, main.
[[nodiscard]] const std::vector<LiteMaasRelease>& LiteMaasReleases();

// What the release does to its database when it starts, in one transaction for each file.
void StartLiteMaas(support::Database& database, const LiteMaasRelease& release);

// `migrate` as a person runs it: what it refuses is fixed with the SQL that it prints. Returns the
// output of the run that worked.
std::string MigrateAndFix(const std::string& conninfo);

// LiteMaaS' own backup of the tables that are there: their rows, with the names of the columns.
struct LiteMaasBackup {
  struct Table {
    std::string name;
    std::string columns;
    std::string rows;  // as COPY has them
  };
  std::vector<Table> tables;
};
[[nodiscard]] LiteMaasBackup BackUpLiteMaas(support::Database& database);
// ... and its restore: one transaction that empties each table with CASCADE and fills it.
void RestoreLiteMaas(support::Database& database, const LiteMaasBackup& backup);

}  // namespace usage_ingest::postgres
