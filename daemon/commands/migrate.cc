#include <iostream>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/verbs.h"
#include "ingest/postgres/migrate/migrator.h"
#include "ingest/postgres/probe/grants.h"

namespace usage_ingest::commands {
namespace {

int PrintGrants(const config::Config& config, const std::string& role) {
  auto connection = assembly::ConnectOrThrow(config, "migrate");
  const auto database = assembly::QueryOrThrow(connection, "SELECT current_database()");
  std::cout << postgres::probe::GrantsFor(role, database.text(0, 0));
  return 0;
}

}  // namespace

int MigrateDatabase(const config::Config& config, const MigrateVerbOptions& options) {
  if (!options.print_grants_for.empty()) return PrintGrants(config, options.print_grants_for);
  postgres::migrate::MigrateOptions migrate;
  migrate.dry_run = options.dry_run;
  migrate.months_ahead = config.partitions.months_ahead;
  assembly::ValueOrThrow(postgres::migrate::Migrate(config.postgres.conninfo, migrate, std::cout),
                         "migrate");
  return 0;
}

}  // namespace usage_ingest::commands
