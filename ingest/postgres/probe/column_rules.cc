#include "ingest/postgres/probe/column_rules.h"

#include <fmt/format.h>

#include "aggregate/summary_columns.h"
#include "ingest/postgres/batch/usage_log_columns.h"

namespace usage_ingest::postgres::probe {
namespace {

// table, columns, type names that work ('enum' is any enum), the seed's type. Those of usage_logs
// follow from the list that COPY is made from.
constexpr const char* kOtherRules = R"sql(
  ('users', '{id}', '{uuid}', 'uuid'),
  ('models', '{id,name,provider}', '{varchar,text}', 'varchar(255)'),
  ('teams', '{id}', '{uuid}', 'uuid'),
  ('teams', '{litellm_team_id}', '{varchar,text}', 'varchar(255)'),
  ('subscriptions', '{id,user_id,team_id}', '{uuid}', 'uuid'),
  ('subscriptions', '{model_id}', '{varchar,text}', 'varchar(255)'),
  ('subscriptions', '{status}', '{enum,varchar,text}', 'subscription_status'),
  ('subscriptions', '{quota_requests,used_requests}', '{int4,int8,numeric}', 'integer'),
  ('subscriptions', '{quota_tokens,used_tokens}', '{int4,int8,numeric}', 'bigint'),
  ('subscriptions', '{created_at}', '{timestamptz,timestamp}', 'timestamp with time zone'),
  ('api_keys', '{id,subscription_id,user_id,team_id}', '{uuid}', 'uuid'),
  ('api_keys', '{key_hash,lite_llm_key_value}', '{varchar,text}', 'varchar(255)'),
  ('api_keys', '{is_active}', '{bool}', 'boolean'),
  ('api_key_models', '{api_key_id}', '{uuid}', 'uuid'),
  ('api_key_models', '{model_id}', '{varchar,text}', 'varchar(255)'),
  ('usage_summaries', '{id,subscription_id}', '{uuid}', 'uuid'),
  ('usage_summaries', '{model_id,period_type}', '{varchar,text}', 'varchar(255)'),
  ('usage_summaries', '{period_start}', '{timestamptz,timestamp}', 'timestamp with time zone'),
  ('usage_summaries', '{request_count,error_count,avg_latency_ms}', '{int4,int8,numeric}',
   'integer'),
  ('usage_summaries', '{total_tokens}', '{int4,int8,numeric}', 'bigint'),
  ('audit_logs', '{user_id}', '{uuid}', 'uuid'),
  ('audit_logs', '{action,resource_type,resource_id}', '{varchar,text}', 'varchar(255)'),
  ('audit_logs', '{metadata}', '{jsonb,json}', 'jsonb'))sql";

// `rules` is the relation (table_name, columns, accepted, expected).
constexpr const char* kCheckRules = R"sql(
SELECT r.table_name, c.name,
       COALESCE(format_type(a.atttypid, a.atttypmod) || COALESCE(' COLLATE ' || k.name, ''), ''),
       CASE WHEN a.attname IS NULL
            THEN format('ALTER TABLE public.%I ADD COLUMN %I %s', r.table_name, c.name, r.expected)
            ELSE format('ALTER TABLE public.%I ', r.table_name)
                 || concat_ws(', ', derived.drops, initial.drops,
                              format('ALTER COLUMN %1$I TYPE %2$s USING %1$I::text::%2$s', c.name,
                                     r.expected),
                              initial.sets, derived.adds)
                 || COALESCE(' (before it drop ' || readers.names || ', and make it again after it)',
                             '') END
  FROM rules AS r
 CROSS JOIN unnest(r.columns::text[]) AS c(name)
  LEFT JOIN pg_attribute AS a
    ON a.attrelid = to_regclass('public.' || r.table_name) AND a.attname = c.name
   AND NOT a.attisdropped
  LEFT JOIN pg_type AS domain ON domain.oid = a.atttypid
  LEFT JOIN pg_type AS t ON t.oid = COALESCE(NULLIF(domain.typbasetype, 0), domain.oid)
 -- What PostgreSQL does not retype along: generated columns, the default, views.
 CROSS JOIN LATERAL (
    SELECT string_agg(format('DROP COLUMN %I', g.attname), ', ') AS drops,
           string_agg(format('ADD COLUMN %I %s GENERATED ALWAYS AS (%s) STORED', g.attname,
                             format_type(g.atttypid, g.atttypmod),
                             pg_get_expr(d.adbin, d.adrelid)), ', ') AS adds,
           array_agg(g.attnum) AS numbers
      FROM pg_attrdef AS d
      JOIN pg_attribute AS g
        ON g.attrelid = d.adrelid AND g.attnum = d.adnum AND g.attgenerated <> ''
      JOIN pg_depend AS p
        ON p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.deptype = 'n'
       AND p.refclassid = 'pg_class'::regclass AND p.refobjid = a.attrelid
       AND p.refobjsubid = a.attnum) AS derived
  LEFT JOIN LATERAL (
    SELECT format('ALTER COLUMN %I DROP DEFAULT', c.name) AS drops,
           format('ALTER COLUMN %I SET DEFAULT (%s)::text::%s', c.name,
                  pg_get_expr(d.adbin, d.adrelid), r.expected) AS sets
      FROM pg_attrdef AS d
     WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.attgenerated = '') AS initial ON true
 CROSS JOIN LATERAL (
    SELECT string_agg(DISTINCT 'view ' || v.ev_class::regclass, ', ') AS names
      FROM pg_depend AS p
      JOIN pg_rewrite AS v ON v.oid = p.objid AND v.ev_class <> a.attrelid
     WHERE p.classid = 'pg_rewrite'::regclass AND p.refclassid = 'pg_class'::regclass
       AND p.refobjid = a.attrelid
       AND (p.refobjsubid = a.attnum OR p.refobjsubid = ANY (derived.numbers))) AS readers
 -- Two texts that such a collation calls equal are one key of a table, and two keys here.
  LEFT JOIN LATERAL (
    SELECT quote_ident(collname) AS name FROM pg_collation
     WHERE oid = a.attcollation AND NOT collisdeterministic) AS k ON true
 WHERE to_regclass('public.' || r.table_name) IS NOT NULL
   AND (a.attname IS NULL OR k.name IS NOT NULL
        OR NOT CASE WHEN t.typtype = 'e' THEN 'enum' ELSE t.typname END
               = ANY (r.accepted::name[]))
 ORDER BY r.table_name, c.name)sql";

// Columns of tables that get rows from us, which must have a value and get none.
// {0} the sums of usage_summaries, {1} the columns of usage_logs.
constexpr std::string_view kRequiredColumns = R"sql(
WITH written(table_name, columns) AS (VALUES
  ('usage_logs', '{{{1}}}'),
  ('usage_summaries', '{{subscription_id,model_id,period_type,period_start,avg_latency_ms,{0}}}'),
  ('audit_logs', '{{user_id,action,resource_type,resource_id,metadata}}'),
  ('team_members', '{{team_id,user_id,role,joined_at}}'),
  ('api_key_models', '{{api_key_id,model_id,created_at}}'),
  ('teams', '{{id,name,alias,description,max_budget,current_spend,budget_duration,tpm_limit,
              rpm_limit,allowed_models,metadata,is_active,created_at,updated_at}}')
)
SELECT w.table_name, a.attname, '',
       format('ALTER TABLE public.%I ALTER COLUMN %I DROP NOT NULL', w.table_name, a.attname)
  FROM written AS w
  JOIN pg_attribute AS a
    ON a.attrelid = to_regclass('public.' || w.table_name) AND a.attnum > 0 AND a.attnotnull
   AND NOT a.attisdropped AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = ''
 WHERE a.attname <> ALL (w.columns::name[])
 ORDER BY 1, 2)sql";

std::string CheckColumnsSql() {
  std::string rules = kOtherRules;
  for (const batch::UsageLogColumn& column : batch::UsageLogColumns()) {
    rules += fmt::format(",\n  ('usage_logs', '{{{}}}', '{{{}}}', '{}')", column.name,
                         column.accepted_types, column.type);
  }
  return fmt::format("WITH rules(table_name, columns, accepted, expected) AS (VALUES {}) {}", rules,
                     kCheckRules);
}

// `sql` gives table, column, type and fix.
Result<std::vector<ColumnProblem>> Ask(blocking::SyncConnection& connection,
                                       const std::string& sql) {
  auto rows = connection.Execute(sql);
  if (!rows) return std::unexpected(rows.error());
  std::vector<ColumnProblem> problems;
  problems.reserve(static_cast<std::size_t>(rows->count()));
  for (int i = 0; i < rows->count(); ++i) {
    problems.push_back({.table = std::string(rows->text(i, 0)),
                        .column = std::string(rows->text(i, 1)),
                        .type = std::string(rows->text(i, 2)),
                        .fix = std::string(rows->text(i, 3))});
  }
  return problems;
}

}  // namespace

Result<std::vector<ColumnProblem>> CheckColumns(blocking::SyncConnection& connection) {
  return Ask(connection, CheckColumnsSql());
}

Result<std::vector<ColumnProblem>> CheckRequiredColumns(blocking::SyncConnection& connection) {
  return Ask(connection, fmt::format(kRequiredColumns, aggregate::SummaryColumnNames(),
                                     batch::UsageLogColumnNames(",")));
}

}  // namespace usage_ingest::postgres::probe
