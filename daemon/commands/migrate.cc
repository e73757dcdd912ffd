// `migrate`: creates or completes the schema, and prints the privileges that the daemon needs.
#include <algorithm>
#include <initializer_list>
#include <iostream>
#include <string>
#include <vector>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"
#include "ingest/postgres/migrate/migrator.h"
#include "ingest/postgres/probe/grants.h"

namespace usage_ingest::commands {
namespace {

using postgres::migrate::DistributionChange;
using Steps = std::vector<postgres::migrate::MigrationStep>;

// The first part of what the header of a migration says; the SQL below has all of it.
std::string Cut(const std::string& text, std::initializer_list<std::string_view> ends,
                std::size_t chars_max) {
  std::string cut = text;
  for (const std::string_view end : ends) cut.resize(std::min(cut.size(), cut.find(end)));
  if (cut.size() <= chars_max) return cut;
  return cut.substr(0, cut.rfind(' ', chars_max - 3)) + "...";
}

// One line for each step, so that all of them are on one screen.
void PrintSummary(const Steps& steps) {
  using Align = text::TextTable::Align;
  text::TextTable table({{"-- step", Align::kLeft},
                         {"purpose", Align::kLeft},
                         {"locks", Align::kLeft},
                         {"time", Align::kLeft}});
  for (const auto& step : steps) {
    table.AddRow({"-- " + std::string(step.migration.name), Cut(step.purpose, {". ", "; "}, 45),
                  Cut(step.locks, {", for ", "; ", " ("}, 40), Cut(step.time, {"; "}, 32)});
  }
  if (!table.empty()) table.Print(std::cout);
  std::cout << '\n';
}

void PrintJson(const Steps& steps, bool is_dry_run) {
  text::JsonWriter json;
  json.BeginObject();
  json.Key("dry_run").Bool(is_dry_run);
  json.Key("steps").BeginArray();
  for (const auto& step : steps) {
    json.BeginObject();
    json.Key("name").String(step.migration.name);
    json.Key("purpose").String(step.purpose);
    json.Key("locks").String(step.locks);
    json.Key("time").String(step.time);
    json.Key("reversible").String(step.reversible);
    json.EndObject();
  }
  json.EndArray().EndObject();
  std::cout << json.Take() << '\n';
}

class Migrate final : public Command {
 public:
  Migrate()
      : Command(
            {.name = "migrate",
             .summary = "Create what is missing in the database",
             .description = "With --json the steps that were applied, or are to be applied, are "
                            "the result, and everything else is on stderr.\n\n"
                            "--citus runs on the coordinator of a Citus cluster and distributes "
                            "usage_logs by id; /usr/share/doc/usage-ingestd/scaling.md says "
                            "what that changes. Both ways copy all rows, and events wait in Kafka "
                            "until then.",
             .examples = {"usage-ingestd migrate --dry-run",
                          "usage-ingestd migrate --print-grants usage_ingest | psql litemaas"}},
            {.postgres = Need::kServer, .owner = true}) {}

  std::vector<Option> Options() override {
    Option grants = TextOption(
        {"--print-grants", "ROLE", "print the GRANTs that `run` needs for a role, change nothing"},
        print_grants_for_);
    grants.excludes = "--dry-run";
    Option json = JsonFlag(json_);
    json.excludes = "--print-grants";
    Option undistribute =
        Flag("--no-citus", "bring usage_logs back from the workers of Citus", undistribute_);
    undistribute.excludes = "--citus";
    return {Flag("--citus", "also distribute usage_logs over the workers of Citus", distribute_),
            std::move(undistribute),
            Flag("--dry-run", "print a summary and the SQL of each step, change nothing", dry_run_),
            std::move(grants), std::move(json)};
  }

  int Run(const CommandContext& context) override {
    if (!print_grants_for_.empty()) return PrintGrants(context.config());
    postgres::migrate::MigrateOptions options;
    options.dry_run = dry_run_;
    options.partitions = context.config().partitions;
    options.keeps_history = context.config().history.is_kept;
    options.enforce_quotas = context.config().quotas.enforce;
    options.writers = context.config().postgres.writers;
    if (distribute_) options.distribution = DistributionChange::kDistribute;
    if (undistribute_) options.distribution = DistributionChange::kUndistribute;
    Steps steps;
    options.on_steps = [&](const Steps& pending) {
      steps = pending;
      if (dry_run_ && !json_) PrintSummary(pending);
    };
    assembly::ValueOrThrow(postgres::migrate::Migrate(context.config().postgres.conninfo, options,
                                                      json_ ? std::cerr : std::cout),
                           "migrate");
    if (json_) PrintJson(steps, dry_run_);
    return 0;
  }

 private:
  [[nodiscard]] int PrintGrants(const config::Config& config) const {
    auto connection = assembly::ConnectOrThrow(config, "migrate");
    const auto database = assembly::QueryOrThrow(connection, "SELECT current_database()");
    std::cout << postgres::probe::GrantsFor(print_grants_for_, database.text(0, 0));
    return 0;
  }

  bool distribute_ = false;
  bool undistribute_ = false;
  bool dry_run_ = false;
  bool json_ = false;
  std::string print_grants_for_;
};

}  // namespace

CommandPtr MakeMigrate() { return std::make_unique<Migrate>(); }

}  // namespace usage_ingest::commands
