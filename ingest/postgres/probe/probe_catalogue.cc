// What the probe reads from the catalogue: tables, columns, partitioning, triggers.
#include <fmt/format.h>

#include <array>

#include "ingest/postgres/batch/copy_path.h"
#include "ingest/postgres/batch/usage_log_columns.h"
#include "ingest/postgres/probe/column_rules.h"
#include "ingest/postgres/probe/probe_checks.h"

namespace usage_ingest::postgres::probe {
namespace {

constexpr const char* kMissingTables = R"sql(
SELECT name FROM unnest(ARRAY['users', 'models', 'teams', 'team_members', 'subscriptions',
                              'api_keys', 'api_key_models', 'usage_logs', 'usage_summaries',
                              'audit_logs']) AS wanted(name)
 WHERE to_regclass('public.' || name) IS NULL)sql";

// LiteMaaS' tables in another schema than public, known by their columns, where public has none.
// The role may lack the right to look into a schema.
constexpr const char* kTablesElsewhere = R"sql(
WITH of_public AS (
  SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('public')
), elsewhere AS (
  SELECT DISTINCT c.relnamespace
    FROM (VALUES ('subscriptions', '{user_id,model_id,used_tokens}'::name[]),
                 ('usage_logs', '{subscription_id,request_tokens,response_tokens}'))
           AS known(name, columns)
    JOIN pg_class AS c ON c.relname = known.name AND c.relkind IN ('r', 'p', 'v', 'f')
   WHERE known.name NOT IN (SELECT relname FROM of_public)
     AND c.relpersistence <> 't'
     AND known.columns <@ ARRAY(SELECT a.attname FROM pg_attribute AS a
                                 WHERE a.attrelid = c.oid AND NOT a.attisdropped)
)
SELECT quote_ident(n.nspname),
       string_agg(format('ALTER TABLE %I.%I SET SCHEMA public', n.nspname, c.relname), '; '
                  ORDER BY c.relname)
  FROM elsewhere AS e
  JOIN pg_namespace AS n ON n.oid = e.relnamespace
  JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'f')
 WHERE c.relname IN ('users', 'models', 'teams', 'team_members', 'subscriptions', 'api_keys',
                     'api_key_models', 'usage_logs', 'usage_summaries', 'audit_logs',
                     'subscription_status_history')
   AND c.relname NOT IN (SELECT relname FROM of_public)
 GROUP BY n.nspname)sql";

// Under the name of a table something else: rows of a view cannot be locked, or copied into it.
constexpr const char* kNoTables = R"sql(
SELECT c.relname,
       CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'foreign table' END
  FROM pg_class AS c
 WHERE c.relnamespace = to_regnamespace('public') AND c.relkind IN ('v', 'm', 'f')
   AND c.relname IN ('users', 'models', 'teams', 'team_members', 'subscriptions', 'api_keys',
                     'api_key_models', 'usage_logs', 'usage_summaries', 'audit_logs')
 ORDER BY 1)sql";

// $1: the columns that the daemon writes, separated by commas.
constexpr const char* kColumns = R"sql(
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid::bigint, a.attnotnull,
       a.attgenerated <> '' OR a.attidentity = 'a', a.atthasdef OR a.attidentity <> '',
       a.attname = ANY (string_to_array($1, ','))
  FROM pg_attribute AS a
 WHERE a.attrelid = 'public.usage_logs'::regclass AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum)sql";

// By created_at, with a unique index that tells a row that is there already: one on (id,
// created_at), or on a part of it.
constexpr const char* kShape = R"sql(
SELECT c.relkind = 'p',
       COALESCE((SELECT p.partstrat = 'r' AND p.partnatts = 1 AND a.attname = 'created_at'
                   FROM pg_partitioned_table AS p
                   JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
                  WHERE p.partrelid = c.oid), false),
       EXISTS (SELECT FROM pg_index AS i
                WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                  AND ARRAY(SELECT a.attname FROM pg_attribute AS a
                             WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey))
                      <@ ARRAY['id', 'created_at']::name[]),
       (SELECT d.partdefid::regclass FROM pg_partitioned_table AS d
         WHERE d.partrelid = c.oid AND d.partdefid <> 0)
  FROM pg_class AS c WHERE c.oid = 'public.usage_logs'::regclass)sql";

// Triggers of the seed and of the migrations without which the daemon works, where one is missing
// or disabled, with the consequence and the steps of migrate that create it.
constexpr const char* kHelpfulTriggers = R"sql(
SELECT wanted.table_name, wanted.trigger_name, wanted.consequence, wanted.steps
  FROM (VALUES
      ('usage_logs', 'update_usage_on_log', 'rows of other writers are not summed up', '15'),
      ('subscriptions', 'usage_ingest_quota',
       'suspensions have no reason, and in mode active-only there is none', '26'),
      ('subscriptions', 'usage_ingest_status',
       'suspensions are not audited, announced and stored', '26'),
      ('subscriptions', 'usage_ingest_deleted',
       'rows that go with a deleted subscription are reported as missing', '28'),
      ('api_keys', 'usage_ingest_remember_key', 'rotated keys are forgotten', '20, 21'),
      ('users', 'usage_ingest_announce', 'changes reach attribution late', '22'),
      ('models', 'usage_ingest_announce', 'changes reach attribution late', '22'),
      ('teams', 'usage_ingest_announce', 'changes reach attribution late', '22'),
      ('subscriptions', 'usage_ingest_announce', 'changes reach attribution late', '22'),
      ('api_keys', 'usage_ingest_announce', 'changes reach attribution late', '22'),
      ('subscriptions', 'usage_ingest_announce_user', 'changes reach dead letters late', '22'),
      ('api_keys', 'usage_ingest_announce_user', 'changes reach dead letters late', '22'))
           AS wanted(table_name, trigger_name, consequence, steps)
 WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
                    WHERE t.tgrelid = to_regclass('public.' || wanted.table_name)
                      AND t.tgname = wanted.trigger_name AND t.tgenabled IN ('O', 'A'))
   -- Citus refuses triggers on a table that it distributes.
   AND NOT (wanted.table_name = 'usage_logs' AND usage_ingest.rows_are_distributed()))sql";

// A table that Citus distributes has no foreign keys; triggers of the parents act in their place.
constexpr const char* kMissingKeyTrigger = R"sql(
SELECT usage_ingest.rows_are_distributed() AND NOT EXISTS (
    SELECT FROM pg_trigger
     WHERE tgrelid = to_regclass('public.subscriptions') AND tgenabled IN ('O', 'A')
       AND tgfoid = to_regprocedure('usage_ingest.act_as_foreign_key()')))sql";

// LiteMaaS creates its functions again when it starts, maybe this one too.
constexpr const char* kForeignSummaryFunction = R"sql(
SELECT count(*) = 0 AND NOT usage_ingest.rows_are_distributed() FROM pg_proc
 WHERE oid = to_regprocedure('public.update_usage_summary()')
   AND prosrc LIKE '%latency_ms_sum%')sql";

void CheckColumn(const FoundColumn& column, bool written, ProbeReport& report) {
  const std::string where = "public.usage_logs." + column.name;
  const std::string alter = fmt::format("ALTER TABLE public.usage_logs ALTER COLUMN {} ",
                                        blocking::QuoteIdentifier(column.name));
  if (written && column.generated) {
    report.Add(Severity::kFatal, where, "the daemon writes it, but it is generated",
               alter + "DROP EXPRESSION");
  }
  if (written || column.generated || column.has_default) return;
  if (column.not_null) {
    report.Add(Severity::kFatal, where,
               "it is NOT NULL without a default, and the daemon does not write it",
               alter + "DROP NOT NULL");
  }
}

// One that counts twice is fatal here even if COPY skips it today. It would not tomorrow, after a
// REVOKE or with a trigger of another program, and then the daemon would stop at any hour.
void CheckTrigger(const batch::UsageLogTrigger& trigger, ProbeReport& report) {
  const std::string where = fmt::format("trigger {} on {}", trigger.name, trigger.table);
  if (trigger.counts_twice()) {
    report.Add(Severity::kFatal, where, "every row of the daemon would count twice", trigger.fix);
  } else if (trigger.needs_constraints()) {
    report.Add(Severity::kWarning, where,
               "it is of another program, so the slow path is used, about half as fast",
               fmt::format("DROP TRIGGER {} ON {}, if it can be done without", trigger.quoted_name,
                           trigger.table));
  }
}

}  // namespace

Result<bool> ProbeSchema(blocking::SyncConnection& connection, ProbeReport& report) {
  auto schemas = connection.Execute(kTablesElsewhere);
  if (!schemas) return std::unexpected(schemas.error());
  for (int i = 0; i < schemas->count(); ++i) {
    const std::string_view schema = schemas->text(i, 0);
    report.Add(
        Severity::kFatal, fmt::format("schema {}", schema),
        "it has tables of LiteMaaS, and the daemon works with schema public only: migrate would "
        "create empty ones there",
        fmt::format("{} (then add public to the search_path of LiteMaaS' role)",
                    schemas->text(i, 1)));
  }
  auto others = connection.Execute(kNoTables);
  if (!others) return std::unexpected(others.error());
  for (int i = 0; i < others->count(); ++i) {
    const std::string_view name = others->text(i, 0);
    report.Add(Severity::kFatal, fmt::format("public.{}", name),
               fmt::format("it is a {}, and the daemon needs the table itself", others->text(i, 1)),
               fmt::format("DROP {0} public.{1}; ALTER TABLE <its schema>.{1} SET SCHEMA public",
                           others->text(i, 1), name));
  }
  return schemas->count() == 0 && others->count() == 0;
}

Result<bool> ProbeTables(blocking::SyncConnection& connection, ProbeReport& report) {
  auto missing = connection.Execute(kMissingTables);
  if (!missing) return std::unexpected(missing.error());
  for (int i = 0; i < missing->count(); ++i) {
    report.Add(Severity::kFatal, fmt::format("public.{}", missing->text(i, 0)),
               "the table is missing", "run `usage-ingestd migrate`");
  }
  if (missing->count() != 0) return false;
  const auto problems = CheckColumns(connection);
  if (!problems) return std::unexpected(problems.error());
  for (const ColumnProblem& column : *problems) {
    report.findings.push_back(
        {column.problem, column.is_fatal ? Severity::kFatal : Severity::kWarning});
  }
  const auto required = CheckRequiredColumns(connection);
  if (!required) return std::unexpected(required.error());
  for (const ColumnProblem& column : *required) {
    if (column.table != "usage_summaries" && column.table != "audit_logs") continue;
    report.findings.push_back({column.problem, Severity::kFatal});
  }
  return true;
}

Result<> ProbeUsageLogs(blocking::SyncConnection& connection, ProbeReport& report) {
  const std::array<blocking::SyncParam, 1> written = {batch::UsageLogColumnNames(",")};
  auto columns = connection.Query(kColumns, written);
  if (!columns) return std::unexpected(columns.error());
  for (int i = 0; i < columns->count(); ++i) {
    report.facts.usage_log_columns.push_back(
        {.name = std::string(columns->text(i, 0)),
         .type = std::string(columns->text(i, 1)),
         .type_oid = static_cast<unsigned>(columns->number(i, 2)),
         .not_null = columns->boolean(i, 3),
         .generated = columns->boolean(i, 4),
         .has_default = columns->boolean(i, 5)});
    CheckColumn(report.facts.usage_log_columns.back(), columns->boolean(i, 6), report);
  }
  auto shape = connection.Execute(kShape);
  if (!shape) return std::unexpected(shape.error());
  const std::string where = "public.usage_logs";
  if (!shape->boolean(0, 0) || !shape->boolean(0, 1)) {
    report.Add(Severity::kFatal, where, "it is not partitioned by range of created_at",
               "run `usage-ingestd migrate`");
  }
  if (!shape->boolean(0, 2)) {
    report.Add(Severity::kFatal, where,
               "no unique index on (id, created_at): an event that comes twice would be two rows",
               "ALTER TABLE public.usage_logs ADD PRIMARY KEY (id, created_at)");
  }
  if (!shape->is_null(0, 3)) {
    report.Add(
        Severity::kWarning, fmt::format("partition {}", shape->text(0, 3)),
        "a DEFAULT partition takes rows of months that have none, and then their partition cannot "
        "be made",
        fmt::format("ALTER TABLE public.usage_logs DETACH PARTITION {}; then make the months "
                    "(`usage-ingestd partitions ensure`) and INSERT its rows into usage_logs",
                    shape->text(0, 3)));
  }
  return {};
}

Result<> ProbeTriggers(blocking::SyncConnection& connection, ProbeReport& report) {
  auto answer = connection.Execute(batch::kAskCopyPath);
  if (!answer) return std::unexpected(answer.error());
  report.facts.copy_path = batch::ReadCopyPath(answer->result());
  for (const batch::UsageLogTrigger& trigger : report.facts.copy_path->triggers) {
    CheckTrigger(trigger, report);
  }

  auto missing = connection.Execute(kHelpfulTriggers);
  if (!missing) return std::unexpected(missing.error());
  for (int i = 0; i < missing->count(); ++i) {
    report.Add(
        Severity::kWarning,
        fmt::format("trigger {} on public.{}", missing->text(i, 1), missing->text(i, 0)),
        fmt::format("it is missing or disabled: {}", missing->text(i, 2)),
        fmt::format("ALTER TABLE public.{} ENABLE TRIGGER {}; when it is missing, DELETE FROM "
                    "usage_ingest.migrations WHERE number IN ({}) and run `usage-ingestd migrate`",
                    missing->text(i, 0), missing->text(i, 1), missing->text(i, 3)));
  }
  auto no_key = connection.Execute(kMissingKeyTrigger);
  if (!no_key) return std::unexpected(no_key.error());
  if (no_key->boolean(0, 0)) {
    report.Add(
        Severity::kWarning, "public.subscriptions",
        "no trigger acts as the foreign key of usage_logs: rows of deleted subscriptions stay",
        "CREATE OR REPLACE TRIGGER usage_ingest_usage_logs_subscription_id_fkey AFTER DELETE ON "
        "public.subscriptions REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION "
        "usage_ingest.act_as_foreign_key('usage_logs_subscription_id_fkey', 'subscription_id', "
        "'id', 'CASCADE')");
  }
  auto foreign = connection.Execute(kForeignSummaryFunction);
  if (!foreign) return std::unexpected(foreign.error());
  if (foreign->boolean(0, 0)) {
    report.Add(
        Severity::kWarning, "function public.update_usage_summary()",
        "it is not the one that migrate made: rows of other writers spoil averages and add to no "
        "day or month",
        "DELETE FROM usage_ingest.migrations WHERE number = 15, run `usage-ingestd migrate`, then "
        "`usage-ingestd summaries rebuild`");
  }
  return {};
}

}  // namespace usage_ingest::postgres::probe
