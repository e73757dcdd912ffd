#pragma once
// PostgresTest: a cluster of the test's own, and databases as operators find them.
//
// Owner         one test case.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "ingest/postgres/admin/daily_admin.h"
#include "ingest/postgres/admin/partition_admin.h"
#include "ingest/postgres/admin/summary_admin.h"
#include "ingest/postgres/blocking/sync_connection.h"
#include "ingest/postgres/migrate/migrator.h"
#include "ingest/postgres/probe/probe.h"
#include "tests/support/postgres/postgres_cluster.h"

namespace usage_ingest::postgres {

using support::Database;
using support::DatabaseError;

struct MigrateOutcome {
  Result<> result;
  std::string output;
};

class PostgresTest : public ::testing::Test {
 protected:
  explicit PostgresTest(const support::PostgresOptions& options = {.fsync = false});

  Database Create(const std::string& name);
  // Databases as they are found: made from the seed document, filled by a release of LiteMaaS.
  Database CreateSeed(const std::string& name);
  Database CreateFilled(const std::string& name);
  Database CreateFilledWithPlainUsage(const std::string& name);
  // An empty one, migrated.
  Database CreateMigrated(const std::string& name);

  MigrateOutcome Migrate(const std::string& name, const migrate::MigrateOptions& options = {},
                         const std::string& user = "postgres");
  // Fails the test unless it works.
  std::string MustMigrate(const std::string& name);

  blocking::SyncConnection Open(const std::string& name, const std::string& user = "postgres");
  probe::ProbeReport Probe(const std::string& name, const std::string& user = "postgres");
  void CreateRole(const std::string& role);
  // The role with what `migrate --print-grants` prints; without the optional SET privilege unless
  // `fast`.
  void CreateDaemonRole(const std::string& role, const std::string& database, bool fast);

  support::PostgresCluster postgres_;
};

// `users` users, two models, a subscription and a key for each of both; quotas out of reach.
void Populate(Database& database, int users);

// Everything that pg_catalog says of the tables, columns, indexes, constraints, triggers, functions
// and views, as sorted lines: two databases with the same lines have the same schema.
std::vector<std::string> CatalogueLines(Database& database);

// What went wrong when `sql` was run; "" when nothing did.
std::string SqlstateOf(Database& database, const std::string& sql);

std::string ReadTestData(const std::string& path);
bool Holds(const std::string& text, const std::string& part);

}  // namespace usage_ingest::postgres
