#include "ingest/postgres/migrate/migration_checks.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include <span>

#include "ingest/postgres/migrate/deferred_indexes.h"
#include "ingest/postgres/migrate/distribution.h"
#include "ingest/postgres/migrate/migration_partitioning.h"
#include "ingest/postgres/probe/column_rules.h"
#include "ingest/postgres/probe/probe_checks.h"
#include "ingest/postgres/session/untrusted_roles.h"

namespace usage_ingest::postgres::migrate {
namespace {

// Rights that the owner of the tables has, and other roles may lack.
constexpr const char* kMissingRights = R"sql(
SELECT format('the tables belong to %s, and %s is not a member of it', quote_ident(owner),
              quote_ident(current_user)),
       format('run migrate as %s, or GRANT %s TO %s', quote_ident(owner), quote_ident(owner),
              quote_ident(current_user))
  FROM (SELECT DISTINCT pg_get_userbyid(relowner) AS owner, relowner FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
           AND relname IN ('users', 'models', 'teams', 'team_members', 'subscriptions', 'api_keys',
                           'api_key_models', 'usage_logs', 'usage_summaries', 'audit_logs'))
           AS owners
 WHERE NOT pg_has_role(relowner, 'USAGE')
UNION ALL
SELECT format('usage_logs belongs to %s and %s to %s, but usage_ingest.lock_parents() locks rows of '
              'both as the first one', l.relowner::regrole, p.relname, p.relowner::regrole),
       format('ALTER TABLE public.usage_logs OWNER TO %s', p.relowner::regrole)
  FROM pg_class AS l
  JOIN pg_class AS p ON p.relnamespace = l.relnamespace
                    AND p.relname IN ('subscriptions', 'api_keys', 'teams')
 WHERE l.oid = to_regclass('public.usage_logs') AND NOT pg_has_role(l.relowner, p.relowner, 'USAGE')
UNION ALL
SELECT format('%s, the owner of %s, may not create partitions in schema public',
              c.relowner::regrole, c.relname),
       format('GRANT CREATE ON SCHEMA public TO %s', c.relowner::regrole)
  FROM pg_class AS c
 WHERE c.oid = COALESCE(to_regclass('public.usage_logs'), to_regclass('public.users'))
   AND NOT has_schema_privilege(c.relowner, 'public', 'CREATE')
UNION ALL
SELECT 'no right to create tables in schema public',
       format('GRANT CREATE ON SCHEMA public TO %s', quote_ident(current_user))
 WHERE NOT has_schema_privilege('public', 'CREATE')
UNION ALL
SELECT 'no right to create the schema usage_ingest',
       format('GRANT CREATE ON DATABASE %s TO %s', quote_ident(current_database()),
              quote_ident(current_user))
 WHERE to_regnamespace('usage_ingest') IS NULL
   AND NOT has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT format('schema usage_ingest belongs to %s', quote_ident(pg_get_userbyid(nspowner))),
       format('run migrate as %s', quote_ident(pg_get_userbyid(nspowner)))
  FROM pg_namespace WHERE nspname = 'usage_ingest' AND NOT pg_has_role(nspowner, 'USAGE'))sql";

// LiteMaaS works as the role that owns `users`.
constexpr const char* kForeignOwner = R"sql(
SELECT c.oid::regclass, quote_ident(pg_get_userbyid(c.relowner)),
       quote_ident(pg_get_userbyid(u.relowner))
  FROM pg_class AS c
  JOIN pg_class AS u ON u.oid = 'public.users'::regclass AND u.relowner <> c.relowner
 WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
   AND c.relname IN ('models', 'teams', 'team_members', 'subscriptions', 'api_keys',
                     'api_key_models', 'usage_logs', 'usage_summaries', 'audit_logs',
                     'active_subscriptions', 'usage_statistics', 'api_keys_with_models')
 ORDER BY 1)sql";

// In mode "seed" a quota of 0 is exceeded at once, in "active-only" it is no limit. Mode "off"
// suspends none.
constexpr const char* kNothingLeft = R"sql(
SELECT count(*), (SELECT chosen FROM usage_ingest.quota_enforcement) AS mode
  FROM public.subscriptions
 CROSS JOIN (SELECT CASE chosen WHEN 'seed' THEN -1 WHEN 'active-only' THEN 0 END
               FROM usage_ingest.quota_enforcement) AS no_limit(quota)
 WHERE status::text = 'active'
   AND ((COALESCE(used_requests, 0) >= quota_requests AND quota_requests > no_limit.quota)
        OR (COALESCE(used_tokens, 0) >= quota_tokens AND quota_tokens > no_limit.quota)))sql";

constexpr const char* kCreatedTables =
    "SELECT EXISTS (SELECT FROM usage_ingest.quota_enforcement WHERE found = 'no table')";

constexpr const char* kOlderUsage =
    "SELECT EXISTS (SELECT 1 FROM public.usage_logs) OR EXISTS (SELECT 1 FROM "
    "public.usage_summaries)";

// REQUIRES: the table is there.
Result<bool> LacksDefaultTeam(blocking::SyncConnection& connection) {
  auto rows = connection.Execute(
      "SELECT NOT EXISTS (SELECT FROM public.teams WHERE id = "
      "'a0000000-0000-4000-8000-000000000001')");
  if (!rows) return std::unexpected(rows.error());
  return rows->boolean(0, 0);
}

std::unexpected<Error> NothingWasChanged(std::string_view problems,
                                         std::string_view sqlstate = "") {
  return Fail(ErrorCode::kFatal,
              fmt::format("{}nothing was changed, because:{}", sqlstate, problems));
}

// What forbids to migrate, a line for each, with its fix. Empty: nothing.
Result<std::string> FindUntrustedRoles(blocking::SyncConnection& connection) {
  auto untrusted = connection.Execute(session::kUntrustedRoles);
  if (!untrusted) return std::unexpected(untrusted.error());
  std::string problems;
  for (int i = 0; i < untrusted->count(); ++i) {
    problems += fmt::format("\n  {}, and migrate would call them with its own privileges; fix: {};",
                            untrusted->text(i, 0), untrusted->text(i, 1));
  }
  return problems;
}

std::string Line(const Problem& problem) { return "\n  " + ToLine(problem) + ";"; }

Result<std::string> FindFatalColumns(blocking::SyncConnection& connection) {
  const auto columns = probe::CheckColumns(connection);
  if (!columns) return std::unexpected(columns.error());
  std::string problems;
  for (const probe::ColumnProblem& column : *columns) {
    // One that is missing is added; one that is not fatal is reported at the end.
    if (!column.is_missing && column.is_fatal) problems += Line(column.problem);
  }
  return problems;
}

Result<std::string> FindUnfilledColumns(blocking::SyncConnection& connection) {
  const auto required = probe::CheckRequiredColumns(connection);
  if (!required) return std::unexpected(required.error());
  std::string problems;
  for (const probe::ColumnProblem& column : *required) {
    const auto needed = column.table == "teams" ? LacksDefaultTeam(connection) : Result<bool>(true);
    if (!needed) return std::unexpected(needed.error());
    if (*needed) problems += Line(column.problem);
  }
  return problems;
}

// What a person who migrates for the first time should know.
Result<> PrintNotes(blocking::SyncConnection& connection, std::ostream& out) {
  auto owners = connection.Execute(kForeignOwner);
  if (!owners) return std::unexpected(owners.error());
  for (int i = 0; i < owners->count(); ++i) {
    fmt::print(out,
               "note: {0} belongs to {1}, users to {2}: when LiteMaaS works as {2} it needs GRANT "
               "SELECT, INSERT, UPDATE, DELETE ON {0} TO {2};\n",
               owners->text(i, 0), owners->text(i, 1), owners->text(i, 2));
  }
  auto nothing_left = connection.Execute(kNothingLeft);
  if (!nothing_left) return std::unexpected(nothing_left.error());
  if (nothing_left->number(0, 0) != 0) {
    fmt::print(out,
               "note: {} active subscriptions have no quota left (used >= quota): mode \"{}\" "
               "suspends each at its next event\n",
               nothing_left->number(0, 0), nothing_left->text(0, 1));
  }
  auto created = connection.Execute(kCreatedTables);
  if (!created) return std::unexpected(created.error());
  if (created->boolean(0, 0)) {
    fmt::print(
        out,
        "note: LiteMaaS' tables were not there, and are now as its schema document has them. "
        "Before LiteMaaS starts here for the first time run SELECT "
        "usage_ingest.prepare_for_litemaas(); and `usage-ingestd migrate`\n");
  }
  auto older = connection.Execute(kOlderUsage);
  if (!older) return std::unexpected(older.error());
  if (older->boolean(0, 0)) {
    fmt::print(out,
               "note: summaries from before are estimates and lack days and months; `usage-"
               "ingestd summaries rebuild` makes them exact, also while the daemon runs\n");
  }
  return {};
}

}  // namespace

std::string Lines(std::span<const probe::Finding> findings) {
  std::string lines;
  for (const probe::Finding& finding : findings) lines += Line(finding);
  return lines;
}

Result<std::string> FindObstacles(blocking::SyncConnection& connection, const std::string& sql) {
  auto rows = connection.Execute(sql);
  if (!rows) return std::unexpected(rows.error());
  std::string problems;
  for (int i = 0; i < rows->count(); ++i) {
    problems += fmt::format("\n  {}; fix: {};", rows->text(i, 0), rows->text(i, 1));
  }
  return problems;
}

Result<> CheckBeforeMigrate(blocking::SyncConnection& connection, const MigrateOptions& options) {
  probe::ProbeReport report;
  const auto server = probe::ProbeServer(connection, report);
  if (!server) return std::unexpected(server.error());
  if (report.facts.in_recovery || !*server) {
    return Fail(ErrorCode::kFatal, report.findings.front().ToLine());
  }
  for (const auto check : {probe::ProbeNode, probe::ProbeSchema}) {
    const auto go_on = check(connection, report);
    if (!go_on) return std::unexpected(go_on.error());
    if (!*go_on) return NothingWasChanged(Lines(report.findings));
  }
  if (auto done = probe::ProbeCitusTables(connection, report); !done) return done;
  std::string problems = Lines(report.findings);
  const auto missing_rights = FindObstacles(connection, kMissingRights);
  if (!missing_rights) return std::unexpected(missing_rights.error());
  problems += *missing_rights;
  for (const auto find :
       {FindUntrustedRoles, FindFatalColumns, FindUnfilledColumns, FindPartitioningObstacles}) {
    const auto found = find(connection);
    if (!found) return std::unexpected(found.error());
    problems += *found;
  }
  for (const auto find : {FindDistributionObstacles, FindIndexObstacles}) {
    const auto found = find(connection, options);
    if (!found) return std::unexpected(found.error());
    problems += *found;
  }
  if (problems.empty()) return {};
  // The SQLSTATE that the missing right would cause in a later step.
  return NothingWasChanged(problems, missing_rights->empty() ? "" : "42501: ");
}

Result<> ReportAfterMigrate(blocking::SyncConnection& connection, bool first_time,
                            std::ostream& out) {
  probe::ProbeReport report;
  const auto tables = probe::ProbeTables(connection, report);
  if (!tables) return std::unexpected(tables.error());
  if (*tables) {
    for (const auto check : {probe::ProbeUsageLogs, probe::ProbeTriggers, probe::ProbeSummaries,
                             probe::ProbeQuotas, probe::ProbeIndexes}) {
      if (auto done = check(connection, report); !done) return done;
    }
  }
  for (const probe::Finding& finding : report.findings) fmt::print(out, "{}\n", finding.ToLine());

  if (first_time) {
    if (auto done = PrintNotes(connection, out); !done) return done;
  }
  if (report.ok()) return {};
  return Fail(ErrorCode::kFatal,
              "migrated, but the daemon cannot work with this database yet: see "
              "the lines that begin with \"fatal\"");
}

}  // namespace usage_ingest::postgres::migrate
