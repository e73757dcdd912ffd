// `migrate`: creates or completes the schema, and prints the privileges that the daemon needs.
#include <iostream>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "ingest/postgres/migrate/migrator.h"
#include "ingest/postgres/probe/grants.h"

namespace usage_ingest::commands {
namespace {

class Migrate final : public Command {
 public:
  Migrate()
      : Command({.name = "migrate",
                 .summary = "Create what is missing in the database",
                 .description = "Run it as the owner of the tables.",
                 .examples = {"usage-ingestd migrate --dry-run",
                              "usage-ingestd migrate --print-grants usage_ingest | psql litemaas"}},
                {.postgres = Need::kServer}) {}

  std::vector<Option> Options() override {
    Option grants = TextOption(
        {"--print-grants", "ROLE", "print the GRANTs that `run` needs for a role, change nothing"},
        print_grants_for_);
    grants.excludes = "--dry-run";
    return {Flag("--dry-run", "print the plan, change nothing", dry_run_), std::move(grants)};
  }

  int Run(const CommandContext& context) override {
    if (!print_grants_for_.empty()) return PrintGrants(context.config());
    postgres::migrate::MigrateOptions options;
    options.dry_run = dry_run_;
    options.months_ahead = context.config().partitions.months_ahead;
    options.enforce_quotas = context.config().quotas.enforce;
    assembly::ValueOrThrow(
        postgres::migrate::Migrate(context.config().postgres.conninfo, options, std::cout),
        "migrate");
    return 0;
  }

 private:
  [[nodiscard]] int PrintGrants(const config::Config& config) const {
    auto connection = assembly::ConnectOrThrow(config, "migrate");
    const auto database = assembly::QueryOrThrow(connection, "SELECT current_database()");
    std::cout << postgres::probe::GrantsFor(print_grants_for_, database.text(0, 0));
    return 0;
  }

  bool dry_run_ = false;
  std::string print_grants_for_;
};

}  // namespace

CommandPtr MakeMigrate() { return std::make_unique<Migrate>(); }

}  // namespace usage_ingest::commands
