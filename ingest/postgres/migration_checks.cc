#include "ingest/postgres/migration_checks.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "ingest/postgres/column_rules.h"
#include "ingest/postgres/probe_checks.h"

namespace usage_ingest::ingest {
namespace {

// Rights that an owner of the tables has, and somebody else lacks.
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

constexpr const char* kForeignOwner = R"sql(
SELECT DISTINCT quote_ident(pg_get_userbyid(relowner)), quote_ident(current_user) FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
   AND relname IN ('users', 'subscriptions', 'api_keys') AND relowner <> current_user::regrole)sql";

constexpr const char* kNothingLeft = R"sql(
SELECT count(*) FROM public.subscriptions
 WHERE status::text = 'active'
   AND (COALESCE(used_requests, 0) >= quota_requests OR COALESCE(used_tokens, 0) >= quota_tokens))sql";

constexpr const char* kOlderUsage =
    "SELECT EXISTS (SELECT FROM public.usage_logs) OR EXISTS (SELECT FROM public.usage_summaries)";

}  // namespace

Result<> CheckBeforeMigrate(SyncConnection& connection) {
  ProbeReport report;
  const auto server = ProbeServer(connection, report);
  if (!server) return std::unexpected(server.error());
  if (report.facts.in_recovery || !*server) {
    return Fail(ErrorCode::kFatal, report.findings.front().ToLine());
  }
  std::string problems;
  auto rights = connection.Execute(kMissingRights);
  if (!rights) return std::unexpected(rights.error());
  for (int i = 0; i < rights->count(); ++i) {
    problems += fmt::format("\n  {}; fix: {};", rights->text(i, 0), rights->text(i, 1));
  }
  const auto columns = CheckColumns(connection);
  if (!columns) return std::unexpected(columns.error());
  for (const ColumnProblem& problem : *columns) {
    if (problem.actual.empty()) continue;  // it is added
    problems += fmt::format("\n  public.{}.{} is {}, which does not work; fix: {};", problem.table,
                            problem.column, problem.actual, problem.fix());
  }
  if (problems.empty()) return {};
  return Fail(ErrorCode::kFatal, "nothing was changed, because:" + problems);
}

Result<> ReportAfterMigrate(SyncConnection& connection, bool first_time, std::ostream& out) {
  ProbeReport report;
  const auto tables = ProbeTables(connection, report);
  if (!tables) return std::unexpected(tables.error());
  if (*tables) {
    for (const auto check : {ProbeUsageLogs, ProbeTriggers, ProbeSummaries, ProbeQuotas}) {
      if (auto done = check(connection, report); !done) return done;
    }
  }
  for (const Finding& finding : report.findings) fmt::print(out, "{}\n", finding.ToLine());

  auto owners = connection.Execute(kForeignOwner);
  if (!owners) return std::unexpected(owners.error());
  if (first_time && owners->count() != 0) {
    fmt::print(out,
               "note: tables of LiteMaaS belong to {}, what was created now to {}; LiteMaaS may "
               "need rights on it\n",
               owners->text(0, 0), owners->text(0, 1));
  }
  auto nothing_left = connection.Execute(kNothingLeft);
  if (!nothing_left) return std::unexpected(nothing_left.error());
  if (first_time && nothing_left->number(0, 0) != 0) {
    fmt::print(out,
               "note: {} active subscriptions have no quota left (used >= quota): the trigger "
               "enforce_subscription_quota suspends each at its next event\n",
               nothing_left->number(0, 0));
  }
  auto older = connection.Execute(kOlderUsage);
  if (!older) return std::unexpected(older.error());
  if (first_time && older->boolean(0, 0)) {
    fmt::print(out,
               "note: summaries from before are estimates and lack days and months; `usage-"
               "ingestd summaries rebuild` makes them exact, also while the daemon runs\n");
  }
  if (report.ok()) return {};
  return Fail(ErrorCode::kFatal,
              "migrated, but the daemon cannot work with this database yet: see "
              "the lines that begin with \"fatal\"");
}

}  // namespace usage_ingest::ingest
