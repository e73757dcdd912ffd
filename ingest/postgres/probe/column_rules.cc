#include "ingest/postgres/probe/column_rules.h"

#include <fmt/format.h>

#include "aggregate/summary_columns.h"
#include "ingest/postgres/batch/sum_sql.h"
#include "ingest/postgres/batch/usage_log_columns.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::probe {
namespace {

// table; columns; type names that work ('enum' is any enum); the type that a fix gives; what is
// written needs at least this number of characters, digits before and digits after the point (0:
// nothing is written, or any number will do); a sum with fewer digits than the next number can be
// full; how a column that must be generated is computed ('': it is not); what ADD COLUMN appends.
// Those of usage_logs that are written follow from the list that COPY is made from, sums that the
// migrations add from the list of the sums.
constexpr const char* kOtherRules = R"sql(
  ('users', '{id}', '{uuid}', 'uuid', 0, 0, 0, 0, '', ''),
  ('models', '{id,name,provider}', '{varchar,text}', 'varchar(255)', 0, 0, 0, 0, '', ''),
  ('teams', '{id}', '{uuid}', 'uuid', 0, 0, 0, 0, '', ''),
  ('teams', '{litellm_team_id}', '{varchar,text}', 'varchar(255)', 0, 0, 0, 0, '', ''),
  ('subscriptions', '{id,user_id,team_id}', '{uuid}', 'uuid', 0, 0, 0, 0, '', ''),
  ('subscriptions', '{model_id}', '{varchar,text}', 'varchar(255)', 0, 0, 0, 0, '', ''),
  ('subscriptions', '{status}', '{enum,varchar,text}', 'subscription_status', 9, 0, 0, 0, '', ''),
  ('subscriptions', '{quota_requests,used_requests}', '{int4,int8,numeric}', 'integer',
   0, 9, 0, 0, '', ''),
  ('subscriptions', '{quota_tokens,used_tokens}', '{int4,int8,numeric}', 'bigint',
   0, 9, 0, 18, '', ''),
  ('subscriptions', '{created_at}', '{timestamptz,timestamp}', 'timestamp with time zone',
   0, 0, 0, 0, '', ''),
  ('api_keys', '{id,subscription_id,user_id,team_id}', '{uuid}', 'uuid', 0, 0, 0, 0, '', ''),
  ('api_keys', '{key_hash,lite_llm_key_value}', '{varchar,text}', 'varchar(255)',
   0, 0, 0, 0, '', ''),
  ('api_keys', '{is_active}', '{bool}', 'boolean', 0, 0, 0, 0, '', ''),
  ('api_key_models', '{api_key_id}', '{uuid}', 'uuid', 0, 0, 0, 0, '', ''),
  ('api_key_models', '{model_id}', '{varchar,text}', 'varchar(255)', 0, 0, 0, 0, '', ''),
  ('usage_summaries', '{id,subscription_id}', '{uuid}', 'uuid', 0, 0, 0, 0, '', ''),
  ('usage_summaries', '{model_id}', '{varchar,text}', 'varchar(255)', 255, 0, 0, 0, '', ''),
  ('usage_summaries', '{period_type}', '{varchar,text}', 'varchar(20)', 5, 0, 0, 0, '', ''),
  ('usage_summaries', '{period_start}', '{timestamptz,timestamp}', 'timestamp with time zone',
   0, 0, 0, 0, '', ''),
  ('usage_summaries', '{request_count,error_count,avg_latency_ms}', '{int4,int8,numeric}',
   'integer', 0, 9, 0, 0, '', ''),
  ('usage_summaries', '{total_tokens}', '{int4,int8,numeric}', 'bigint', 0, 9, 0, 18, '', ''),
  ('usage_logs', '{total_tokens}', '{int4,int8,numeric}', 'integer',
   0, 9, 0, 0, 'request_tokens + response_tokens', ''),
  ('usage_logs', '{total_cost}', '{numeric}', 'numeric(10,6)',
   0, 4, 6, 0, 'input_cost + output_cost', ''),
  ('audit_logs', '{user_id}', '{uuid}', 'uuid', 0, 0, 0, 0, '', ''),
  ('audit_logs', '{action,resource_type}', '{varchar,text}', 'varchar(255)', 24, 0, 0, 0, '', ''),
  ('audit_logs', '{resource_id}', '{varchar,text}', 'varchar(255)', 36, 0, 0, 0, '', ''),
  ('audit_logs', '{metadata}', '{jsonb,json}', 'jsonb', 0, 0, 0, 0, '', ''))sql";

// What is wrong with a column, and what depends on it: PostgreSQL does not retype generated
// columns, the default, triggers and views along, so the fix drops them before and makes them again
// after.
// {} the rules.
constexpr std::string_view kCheckColumns = R"sql(
WITH RECURSIVE rules(table_name, columns, accepted, expected, chars, digits, decimals, full_digits,
                     formula, appended) AS (VALUES {}
), columns AS (
  SELECT r.*, c.name, a.attrelid, a.attnum, a.attgenerated, t.typname, k.name AS collation_name,
         format_type(a.atttypid, a.atttypmod) || COALESCE(' COLLATE ' || k.name, '') AS present,
         a.attname IS NULL AS is_missing,
         CASE WHEN t.typtype = 'e' THEN 'enum' ELSE t.typname END = ANY (r.accepted::name[])
           AS is_accepted,
         CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE domain.typtypmod END AS typmod,
         EXISTS (SELECT FROM pg_partitioned_table AS p
                  WHERE p.partrelid = a.attrelid AND a.attnum = ANY (p.partattrs)) AS is_key
    FROM rules AS r
   CROSS JOIN unnest(r.columns::text[]) AS c(name)
    LEFT JOIN pg_attribute AS a
      ON a.attrelid = to_regclass('public.' || r.table_name) AND a.attname = c.name
     AND NOT a.attisdropped
    LEFT JOIN pg_type AS domain ON domain.oid = a.atttypid
    LEFT JOIN pg_type AS t ON t.oid = COALESCE(NULLIF(domain.typbasetype, 0), domain.oid)
   -- Two texts that such a collation calls equal are one key of a table, and two keys here.
    LEFT JOIN LATERAL (
      SELECT quote_ident(collname) AS name FROM pg_collation
       WHERE oid = a.attcollation AND NOT collisdeterministic) AS k ON true
   WHERE to_regclass('public.' || r.table_name) IS NOT NULL
), sized AS (
  -- Source: src/backend/utils/adt/numeric.c, make_numeric_typmod; NULL is without limit.
  SELECT *, CASE typname WHEN 'varchar' THEN CASE WHEN typmod >= 4 THEN typmod - 4 END
            END AS holds_chars,
         CASE typname WHEN 'int4' THEN 9 WHEN 'int8' THEN 18
           WHEN 'numeric' THEN CASE WHEN typmod >= 4 THEN ((typmod - 4) >> 16)
                                      - ((((typmod - 4) & 2047) # 1024) - 1024) END
         END AS holds_digits,
         CASE typname WHEN 'timestamptz' THEN CASE WHEN typmod >= 0 THEN typmod END
           WHEN 'timestamp' THEN CASE WHEN typmod >= 0 THEN typmod END
           WHEN 'numeric' THEN CASE WHEN typmod >= 4 THEN (((typmod - 4) & 2047) # 1024) - 1024 END
         END AS holds_decimals
    FROM columns
), checked AS (
  SELECT *, CASE
           WHEN is_missing THEN CASE WHEN formula = '' THEN 'the column is missing' END
           WHEN NOT is_accepted OR collation_name IS NOT NULL
             THEN format('its type is %s, which does not work', present)
           WHEN holds_chars < chars OR holds_digits < digits OR holds_decimals < decimals
             THEN format('its type is %s, which cannot hold what is written to it', present)
           WHEN formula <> '' AND attgenerated = ''
             THEN 'it is not generated, and would stay empty in the rows of the daemon'
         END AS error,
         format('it is %s and can be full; then the events of that subscription become dead letters '
                '(subscription_rejected) until it is larger', present) AS warning
    FROM sized
), wrong AS (
  SELECT j.*, error IS NOT NULL AS is_fatal, derived.*,
         array_append(derived.numbers, j.attnum) AS all_numbers
    FROM checked AS j
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
         AND p.refclassid = 'pg_class'::regclass AND p.refobjid = j.attrelid
         AND p.refobjsubid = j.attnum) AS derived
   WHERE error IS NOT NULL OR holds_digits < full_digits
), readers AS (
  SELECT w.attrelid, w.attnum, r.ev_class AS view
    FROM wrong AS w
    JOIN pg_depend AS d
      ON d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
     AND d.refobjid = w.attrelid AND d.refobjsubid = ANY (w.all_numbers)
    JOIN pg_rewrite AS r ON r.oid = d.objid
   UNION
  SELECT p.attrelid, p.attnum, r.ev_class
    FROM readers AS p
    JOIN pg_depend AS d
      ON d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
     AND d.refobjid = p.view
    JOIN pg_rewrite AS r ON r.oid = d.objid AND r.ev_class <> p.view
)
SELECT w.table_name, w.name, w.is_missing, w.is_fatal, COALESCE(w.error, w.warning), CASE
    WHEN w.is_missing
      THEN format('ALTER TABLE public.%I ADD COLUMN %I %s%s', w.table_name, w.name, w.expected,
                  w.appended)
    WHEN w.is_key
      THEN format('the table is partitioned by this column: CREATE TABLE with %s, INSERT the rows of '
                  'public.%I into it, and give it its name', w.expected, w.table_name)
    ELSE concat_ws(' ', 'BEGIN;', triggers.drops, views.drops,
                   format('ALTER TABLE public.%I ', w.table_name)
                   || CASE WHEN w.formula <> ''
                      THEN format('DROP COLUMN %1$I, ADD COLUMN %1$I %2$s GENERATED ALWAYS AS (%3$s) '
                                  'STORED', w.name, w.expected, w.formula)
                      ELSE concat_ws(', ', w.drops, initial.drops,
                                     format('ALTER COLUMN %1$I TYPE %2$s USING %1$I::text::%2$s',
                                            w.name, w.expected),
                                     initial.sets, w.adds) END || ';',
                   views.makes, triggers.makes, 'COMMIT') END
  FROM wrong AS w
  LEFT JOIN LATERAL (
    SELECT format('ALTER COLUMN %I DROP DEFAULT', w.name) AS drops,
           format('ALTER COLUMN %I SET DEFAULT ', w.name)
               -- a number fits any of the types
               || CASE WHEN expression ~ '^[(]?''?-?[0-9.]+''?[)]?(::[a-z ]+)?$'
                  THEN substring(expression FROM '-?[0-9.]+')
                  ELSE format('(%s)::text::%s', expression, w.expected) END AS sets
      FROM pg_attrdef AS d
     CROSS JOIN LATERAL pg_get_expr(d.adbin, d.adrelid) AS expression
     WHERE d.adrelid = w.attrelid AND d.adnum = w.attnum AND w.attgenerated = '') AS initial ON true
 CROSS JOIN LATERAL (
    SELECT string_agg(format('DROP TRIGGER %I ON %s;', t.tgname, t.tgrelid::regclass), ' ') AS drops,
           -- A disabled one stays disabled: quotas.enforce may have chosen so.
           string_agg(pg_get_triggerdef(t.oid) || ';'
                      || CASE t.tgenabled WHEN 'D'
                         THEN format(' ALTER TABLE %s DISABLE TRIGGER %I;', t.tgrelid::regclass,
                                     t.tgname)
                         ELSE '' END, ' ') AS makes
      FROM pg_trigger AS t
     WHERE t.tgrelid = w.attrelid AND NOT t.tgisinternal
       AND EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
                      AND d.refobjid = w.attrelid AND d.refobjsubid = w.attnum)) AS triggers
 CROSS JOIN LATERAL (
    SELECT string_agg(format('DROP VIEW %s;', c.oid::regclass), ' ' ORDER BY c.oid DESC) AS drops,
           string_agg(format('CREATE VIEW %s AS %s ALTER VIEW %s OWNER TO %I;%s', c.oid::regclass,
                             replace(pg_get_viewdef(c.oid), E'\n', ' '), c.oid::regclass, pg_get_userbyid(c.relowner),
                             (SELECT string_agg(
                                         format(' GRANT %s ON %s TO %s;', acl.privilege_type,
                                                c.oid::regclass,
                                                CASE WHEN acl.grantee = 0 THEN 'PUBLIC'
                                                     ELSE acl.grantee::regrole::text END), '')
                                FROM aclexplode(c.relacl) AS acl
                               WHERE acl.grantee <> c.relowner)),
                      ' ' ORDER BY c.oid) AS makes
      FROM (SELECT DISTINCT view FROM readers AS r
             WHERE r.attrelid = w.attrelid AND r.attnum = w.attnum) AS used
      JOIN pg_class AS c ON c.oid = used.view) AS views
 ORDER BY w.table_name, w.name)sql";

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
SELECT w.table_name, a.attname, false, true,
       'it is NOT NULL without a default, and is not written',
       format('ALTER TABLE public.%I ALTER COLUMN %I DROP NOT NULL', w.table_name, a.attname)
  FROM written AS w
  JOIN pg_attribute AS a
    ON a.attrelid = to_regclass('public.' || w.table_name) AND a.attnum > 0 AND a.attnotnull
   AND NOT a.attisdropped AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = ''
 WHERE a.attname <> ALL (w.columns::name[])
 ORDER BY 1, 2)sql";

// What a column of this type in the seed gets: characters, digits before and after the point.
std::string NeedOf(std::string_view seed_type) {
  if (seed_type.starts_with("varchar")) return fmt::format("{}, 0, 0", limits::kVarcharChars);
  if (seed_type == "text") return fmt::format("{}, 0, 0", limits::kErrorMessageChars);
  if (seed_type.starts_with("numeric")) return "0, 4, 6";  // limits::kCostMicrosEnd
  if (seed_type.starts_with("timestamp")) return "0, 0, 6";
  return "0, 0, 0";
}

std::string CheckColumnsSql() {
  std::string rules = kOtherRules;
  for (const batch::UsageLogColumn& column : batch::UsageLogColumns()) {
    rules += fmt::format(",\n  ('usage_logs', '{{{}}}', '{{{}}}', '{}', {}, 0, '', '')",
                         column.name, column.accepted_types, column.type, NeedOf(column.type));
  }
  for (const aggregate::SummaryColumn& column : aggregate::kSummaryColumns) {
    if (column.is_in_seed) continue;
    const bool is_cost = column.type.starts_with("numeric");
    rules += fmt::format(
        ",\n  ('usage_summaries', '{{{}}}', '{{{}}}', '{}', 0, {}, '', ' NOT NULL DEFAULT 0')",
        column.name, is_cost ? "numeric" : "int8,numeric", column.type,
        is_cost ? "4, 6, 5" : "9, 0, 0");
  }
  return fmt::format(kCheckColumns, rules);
}

// `sql` gives table, column, whether it is missing, whether that is fatal, what and fix.
Result<std::vector<ColumnProblem>> Ask(blocking::SyncConnection& connection,
                                       const std::string& sql) {
  auto rows = connection.Execute(sql);
  if (!rows) return std::unexpected(rows.error());
  std::vector<ColumnProblem> problems;
  problems.reserve(static_cast<std::size_t>(rows->count()));
  for (int i = 0; i < rows->count(); ++i) {
    const std::string_view table = rows->text(i, 0);
    const std::string_view column = rows->text(i, 1);
    problems.push_back({.table = std::string(table),
                        .column = std::string(column),
                        .is_missing = rows->boolean(i, 2),
                        .is_fatal = rows->boolean(i, 3),
                        .problem = {.what = std::string(rows->text(i, 4)),
                                    .where = fmt::format("public.{}.{}", table, column),
                                    .fix = std::string(rows->text(i, 5))}});
  }
  return problems;
}

}  // namespace

Result<std::vector<ColumnProblem>> CheckColumns(blocking::SyncConnection& connection) {
  return Ask(connection, CheckColumnsSql());
}

Result<std::vector<ColumnProblem>> CheckRequiredColumns(blocking::SyncConnection& connection) {
  return Ask(connection,
             fmt::format(kRequiredColumns, batch::ColumnNames(aggregate::kSummaryColumns),
                         batch::UsageLogColumnNames(",")));
}

}  // namespace usage_ingest::postgres::probe
