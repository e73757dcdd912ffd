#include "tests/integration/postgres/litemaas_releases.h"

#include <fmt/format.h>

#include <sstream>
#include <stdexcept>
#include <string_view>

#include "ingest/postgres/migrate/migrator.h"
#include "tests/integration/postgres/postgres_fixture.h"

namespace usage_ingest::postgres {
namespace {

// What LiteMaaS backs up, in its order. It leaves out usage_logs and usage_summaries.
constexpr const char* kBackedUp[] = {"users",
                                     "teams",
                                     "team_members",
                                     "models",
                                     "subscriptions",
                                     "api_keys",
                                     "api_key_models",
                                     "audit_logs",
                                     "subscription_status_history",
                                     "daily_usage_cache"};

// "  WHERE: WHAT; fix: SQL;" of each line of a refusal.
std::vector<std::string> FixesOf(const std::string& refusal) {
  constexpr std::string_view kMark = "; fix: ";
  std::vector<std::string> fixes;
  std::istringstream lines(refusal);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t mark = line.find(kMark);
    if (mark != std::string::npos) fixes.push_back(line.substr(mark + kMark.size()));
  }
  return fixes;
}

}  // namespace

const std::vector<LiteMaasRelease>& LiteMaasReleases() {
  static const std::vector<LiteMaasRelease> releases = {
      {.name = "R0_0_7", .files = {"core.sql", "usage.sql"}, .has_usage = true},
      {.name = "R0_0_19",
       .files = {"core.sql", "usage.sql", "several_models.sql"},
       .has_usage = true},
      {.name = "R0_2",
       .files = {"core.sql", "several_models.sql", "analytics.sql", "approvals.sql"}},
      {.name = "Main",
       .files = {"core.sql", "several_models.sql", "analytics.sql", "approvals.sql",
                 "budgets.sql"}}};
  return releases;
}

void StartLiteMaas(Database& database, const LiteMaasRelease& release) {
  for (const std::string& file : release.files) {
    database.Execute(ReadTestData("litemaas/" + file));
  }
}

std::string MigrateAndFix(const std::string& conninfo) {
  std::ostringstream output;
  Result<> migrated = migrate::Migrate(conninfo, {}, output);
  if (!migrated) {
    Database person(conninfo);
    for (const std::string& fix : FixesOf(migrated.error().context)) person.Execute(fix);
    output.str("");
    migrated = migrate::Migrate(conninfo, {}, output);
  }
  if (!migrated) throw std::runtime_error(migrated.error().context + "\n" + output.str());
  return output.str();
}

LiteMaasBackup BackUpLiteMaas(Database& database) {
  LiteMaasBackup backup;
  for (const std::string name : kBackedUp) {
    if (database.Value("SELECT to_regclass($1) IS NULL", {name}) == "t") continue;
    const std::string columns = database.Value(
        "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute "
        "WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped",
        {name});
    backup.tables.push_back(
        {.name = name,
         .columns = columns,
         .rows = database.CopyOut(fmt::format("COPY {} ({}) TO STDOUT", name, columns))});
  }
  return backup;
}

void RestoreLiteMaas(Database& database, const LiteMaasBackup& backup) {
  database.Execute("BEGIN");
  for (const LiteMaasBackup::Table& table : backup.tables) {
    database.Execute("TRUNCATE TABLE " + table.name + " CASCADE");
    database.CopyIn(fmt::format("COPY {} ({}) FROM STDIN", table.name, table.columns), table.rows);
  }
  database.Execute("COMMIT");
}

}  // namespace usage_ingest::postgres
