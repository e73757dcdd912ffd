#include <iostream>

#include "daemon/verb_support.h"
#include "daemon/verbs.h"
#include "ingest/postgres/grants.h"
#include "ingest/postgres/migrator.h"

namespace usage_ingest::daemon {
namespace {

int PrintGrants(const Config& config, const std::string& role) {
  auto connection = ConnectOrThrow(config, "migrate");
  const auto database = QueryOrThrow(connection, "SELECT current_database()");
  std::cout << ingest::GrantsFor(role, database.text(0, 0));
  return 0;
}

}  // namespace

int MigrateDatabase(const Config& config, const MigrateVerbOptions& options) {
  if (!options.print_grants_for.empty()) return PrintGrants(config, options.print_grants_for);
  ingest::MigrateOptions migrate;
  migrate.dry_run = options.dry_run;
  migrate.months_ahead = config.partitions.months_ahead;
  ValueOrThrow(ingest::Migrate(config.postgres.conninfo, migrate, std::cout), "migrate");
  return 0;
}

}  // namespace usage_ingest::daemon
