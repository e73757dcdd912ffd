// What the probe checks of summaries, quotas and the role's rights.
#include <fmt/format.h>

#include <ranges>
#include <string_view>

#include "ingest/postgres/probe/grants.h"
#include "ingest/postgres/probe/probe_checks.h"
#include "ingest/postgres/session/untrusted_roles.h"

namespace usage_ingest::postgres::probe {
namespace {

// What ON CONFLICT infers: exactly these columns (PostgreSQL manual, INSERT, conflict_target).
constexpr const char* kSummaryKey = R"sql(
SELECT EXISTS (
    SELECT FROM pg_index AS i
     WHERE i.indrelid = 'public.usage_summaries'::regclass AND i.indisunique AND i.indisvalid
       AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
       AND ARRAY(SELECT a.attname::text FROM pg_attribute AS a
                  WHERE a.attrelid = i.indrelid
                    AND a.attnum = ANY ((i.indkey::smallint[])[0:i.indnkeyatts - 1])
                  ORDER BY 1)
           = ARRAY['model_id', 'period_start', 'period_type', 'subscription_id']))sql";

// Labels that we or the quota trigger write, where the column cannot hold them: an enum without the
// label, or a CHECK that lists values without it.
constexpr const char* kMissingLabels = R"sql(
SELECT table_name, column_name, label, t.typtype = 'e', format_type(a.atttypid, NULL), k.conname
  FROM (VALUES ('subscriptions', 'status', 'active'), ('subscriptions', 'status', 'suspended'),
               ('usage_summaries', 'period_type', 'hour'),
               ('usage_summaries', 'period_type', 'day'),
               ('usage_summaries', 'period_type', 'month'))
           AS labels(table_name, column_name, label)
  JOIN pg_attribute AS a
    ON a.attrelid = to_regclass('public.' || table_name) AND a.attname = column_name
  JOIN pg_type AS t ON t.oid = a.atttypid
  LEFT JOIN LATERAL (
    SELECT c.conname
      FROM pg_constraint AS c, pg_get_constraintdef(c.oid) AS definition
     WHERE c.conrelid = a.attrelid AND c.contype = 'c' AND a.attnum = ANY (c.conkey)
       AND definition ~ ' = (ANY|'')' AND strpos(definition, quote_literal(label)) = 0
     LIMIT 1) AS k ON true
 WHERE CASE WHEN t.typtype = 'e'
            THEN NOT EXISTS (SELECT FROM pg_enum AS e
                              WHERE e.enumtypid = t.oid AND e.enumlabel = label)
            ELSE k.conname IS NOT NULL END)sql";

// Tables whose rows are hidden from this role: usage of a hidden subscription would have no owner.
constexpr const char* kHiddenRows = R"sql(
SELECT c.oid::regclass, quote_ident(current_user)
  FROM pg_class AS c
 WHERE c.relnamespace IN ('public'::regnamespace, 'usage_ingest'::regnamespace)
   AND c.relkind IN ('r', 'p') AND c.relrowsecurity AND row_security_active(c.oid)
   AND (c.relnamespace = 'usage_ingest'::regnamespace
        OR c.relname IN ('users', 'teams', 'subscriptions', 'api_keys', 'usage_logs',
                         'usage_summaries', 'audit_logs'))
 ORDER BY 1)sql";

// Tables of LiteMaaS to which usage_ingest.watch_status() writes, with the privileges of its owner.
constexpr const char* kUnwritableHistory = R"sql(
SELECT history.name, p.proowner::regrole, history.name = 'public.audit_logs'
  FROM pg_proc AS p,
       (VALUES ('public.audit_logs'), ('public.subscription_status_history')) AS history(name)
 WHERE p.oid = to_regprocedure('usage_ingest.watch_status()')
   AND NOT has_table_privilege(p.proowner, to_regclass(history.name)::oid, 'INSERT'))sql";

constexpr std::string_view kComma = ", ";

// SQL that is true when the role has the whole privilege; a missing object counts as none.
std::string HasPrivilege(const Privilege& privilege, const blocking::SyncConnection& connection) {
  const std::string object = connection.QuoteLiteral(privilege.object);
  const auto all_of = [&](std::string_view function, std::string_view what) {
    std::string sql;
    for (const auto name : std::views::split(privilege.privileges, kComma)) {
      sql += fmt::format("{}{}({}, '{}')", sql.empty() ? "" : " AND ", function, what,
                         std::string_view(name));
    }
    return fmt::format("COALESCE({}, false)", sql);
  };
  switch (privilege.on) {
    case Privilege::On::kDatabase:
      return all_of("has_database_privilege", "current_database()");
    case Privilege::On::kSchema:
      return all_of("has_schema_privilege", fmt::format("to_regnamespace({})::oid", object));
    case Privilege::On::kFunction:
      return all_of("has_function_privilege", fmt::format("to_regprocedure({})::oid", object));
    case Privilege::On::kParameter:
      return all_of("has_parameter_privilege", object);
    case Privilege::On::kTable:
      break;
  }
  const std::string table = fmt::format("to_regclass({})::oid", object);
  if (privilege.columns.empty()) return all_of("has_table_privilege", table);
  std::string sql;
  for (const auto name : std::views::split(privilege.columns, kComma)) {
    const std::string_view column(name);
    // That a column is missing is another check's, and an error of has_column_privilege().
    sql += fmt::format(
        "{}CASE WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = {} AND attname = '{}' AND "
        "NOT attisdropped) THEN {} ELSE true END",
        sql.empty() ? "" : " AND ", table, column,
        all_of("has_column_privilege", fmt::format("{}, '{}'", table, column)));
  }
  return sql;
}

// A person or a release of LiteMaaS may have created, dropped, enabled or disabled a trigger since.
Result<> ProbeQuotaTriggers(blocking::SyncConnection& connection, ProbeReport& report) {
  auto state = ReadQuotaState(connection);
  if (!state) return std::unexpected(state.error());
  report.facts.quotas = *state;
  if (!state->chosen || *state->chosen == state->in_effect) return {};
  const bool is_seed = *state->chosen == batch::QuotaEnforcement::kSeed;
  report.Add(
      Severity::kWarning, "trigger enforce_subscription_quota on public.subscriptions",
      fmt::format("mode \"{}\" is in effect, migrate set \"{}\" ({}): a quota trigger was changed "
                  "since",
                  NameOf(state->in_effect), NameOf(*state->chosen), state->reason),
      is_seed && state->seed_trigger_exists
          ? "ALTER TABLE public.subscriptions ENABLE TRIGGER enforce_subscription_quota"
          : "run `usage-ingestd migrate`");
  return {};
}

Result<> ProbeSuspensionHistory(blocking::SyncConnection& connection, ProbeReport& report) {
  auto tables = connection.Execute(kUnwritableHistory);
  if (!tables) return std::unexpected(tables.error());
  for (int i = 0; i < tables->count(); ++i) {
    report.Add(tables->boolean(i, 2) ? Severity::kFatal : Severity::kWarning,
               std::string(tables->text(i, 0)),
               fmt::format("suspensions are written to it as {}, which may not insert into it",
                           tables->text(i, 1)),
               fmt::format("GRANT INSERT ON {} TO {}", tables->text(i, 0), tables->text(i, 1)));
  }
  return {};
}

}  // namespace

Result<> ProbeSummaries(blocking::SyncConnection& connection, ProbeReport& report) {
  auto key = connection.Execute(kSummaryKey);
  if (!key) return std::unexpected(key.error());
  if (!key->boolean(0, 0)) {
    report.Add(
        Severity::kFatal, "public.usage_summaries",
        "no unique index on (subscription_id, model_id, period_type, period_start)",
        "CREATE UNIQUE INDEX CONCURRENTLY ON public.usage_summaries (subscription_id, model_id, "
        "period_type, period_start)");
  }
  return {};
}

Result<> ProbeQuotas(blocking::SyncConnection& connection, ProbeReport& report) {
  auto labels = connection.Execute(kMissingLabels);
  if (!labels) return std::unexpected(labels.error());
  for (int i = 0; i < labels->count(); ++i) {
    const std::string_view label = labels->text(i, 2);
    report.Add(
        Severity::kFatal, fmt::format("public.{}.{}", labels->text(i, 0), labels->text(i, 1)),
        fmt::format("it cannot hold '{}', which is written to it", label),
        labels->boolean(i, 3)
            ? fmt::format("ALTER TYPE {} ADD VALUE '{}'", labels->text(i, 4), label)
            : fmt::format("ALTER TABLE public.{} DROP CONSTRAINT {}, and add it again with '{}'",
                          labels->text(i, 0), blocking::QuoteIdentifier(labels->text(i, 5)),
                          label));
  }
  if (auto done = ProbeSuspensionHistory(connection, report); !done) return done;
  return ProbeQuotaTriggers(connection, report);
}

Result<> ProbeUntrustedRoles(blocking::SyncConnection& connection, ProbeReport& report) {
  auto rows = connection.Execute(session::kUntrustedRoles);
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->count(); ++i) {
    report.Add(
        Severity::kWarning, "schema public",
        fmt::format("{}: no session of the daemon searches schema public, so a trigger that does "
                    "not name the schema of its tables fails",
                    rows->text(i, 0)),
        std::string(rows->text(i, 1)));
  }
  return {};
}

Result<> ProbePrivileges(blocking::SyncConnection& connection, ProbeReport& report) {
  auto hidden = connection.Execute(kHiddenRows);
  if (!hidden) return std::unexpected(hidden.error());
  for (int i = 0; i < hidden->count(); ++i) {
    report.Add(
        Severity::kFatal, std::string(hidden->text(i, 0)),
        "row-level security applies to this role: rows may be hidden from it, and COPY does not "
        "work",
        fmt::format("ALTER ROLE {} BYPASSRLS (as superuser)", hidden->text(i, 1)));
  }
  auto names = connection.Execute("SELECT current_user, current_database()");
  if (!names) return std::unexpected(names.error());
  for (const Privilege& privilege : RequiredPrivileges()) {
    auto has = connection.Execute("SELECT " + HasPrivilege(privilege, connection));
    if (!has) return std::unexpected(has.error());
    if (has->boolean(0, 0)) continue;
    const std::string object(privilege.object.empty() ? names->text(0, 1) : privilege.object);
    report.Add(privilege.optional ? Severity::kWarning : Severity::kFatal,
               fmt::format("role {}", names->text(0, 0)),
               fmt::format("it lacks {}{} on {} ({})", privilege.privileges,
                           privilege.columns.empty() ? "" : fmt::format(" ({})", privilege.columns),
                           object, privilege.why),
               GrantStatement(privilege, names->text(0, 0), names->text(0, 1)));
  }
  return {};
}

}  // namespace usage_ingest::postgres::probe
