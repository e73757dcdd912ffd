#include "ingest/postgres/column_rules.h"

#include <fmt/format.h>

namespace usage_ingest::ingest {
namespace {

// table, columns, type names that work ('enum' is any enum), the seed's type.
constexpr const char* kCheckColumns = R"sql(
WITH rules(table_name, columns, accepted, expected) AS (VALUES
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
  ('usage_logs', '{id,subscription_id,api_key_id,team_id}', '{uuid}', 'uuid'),
  ('usage_logs', '{model_id,litellm_request_id}', '{varchar,text}', 'varchar(255)'),
  ('usage_logs', '{error_message}', '{varchar,text}', 'text'),
  ('usage_logs', '{request_tokens,response_tokens,latency_ms,status_code}', '{int4}', 'integer'),
  ('usage_logs', '{input_cost,output_cost}', '{numeric}', 'numeric(10,6)'),
  ('usage_logs', '{metadata}', '{jsonb}', 'jsonb'),
  ('usage_logs', '{created_at}', '{timestamptz,timestamp}', 'timestamp with time zone'),
  ('usage_summaries', '{id,subscription_id}', '{uuid}', 'uuid'),
  ('usage_summaries', '{model_id,period_type}', '{varchar,text}', 'varchar(255)'),
  ('usage_summaries', '{period_start}', '{timestamptz,timestamp}', 'timestamp with time zone'),
  ('usage_summaries', '{request_count,error_count,avg_latency_ms}', '{int4,int8,numeric}',
   'integer'),
  ('usage_summaries', '{total_tokens}', '{int4,int8,numeric}', 'bigint'),
  ('audit_logs', '{user_id}', '{uuid}', 'uuid'),
  ('audit_logs', '{action,resource_type,resource_id}', '{varchar,text}', 'varchar(255)'),
  ('audit_logs', '{metadata}', '{jsonb,json}', 'jsonb')
)
SELECT r.table_name, c.name, COALESCE(format_type(a.atttypid, a.atttypmod), ''), r.expected
  FROM rules AS r
 CROSS JOIN unnest(r.columns::text[]) AS c(name)
  LEFT JOIN pg_attribute AS a
    ON a.attrelid = to_regclass('public.' || r.table_name) AND a.attname = c.name
   AND NOT a.attisdropped
  LEFT JOIN pg_type AS domain ON domain.oid = a.atttypid
  LEFT JOIN pg_type AS t ON t.oid = COALESCE(NULLIF(domain.typbasetype, 0), domain.oid)
 WHERE to_regclass('public.' || r.table_name) IS NOT NULL
   AND (a.attname IS NULL
        OR NOT CASE WHEN t.typtype = 'e' THEN 'enum' ELSE t.typname END
               = ANY (r.accepted::name[]))
 ORDER BY r.table_name, c.name)sql";

}  // namespace

std::string ColumnProblem::fix() const {
  const std::string quoted = QuoteIdentifier(column);
  if (actual.empty()) {
    return fmt::format("ALTER TABLE public.{} ADD COLUMN {} {}", QuoteIdentifier(table), quoted,
                       expected);
  }
  return fmt::format("ALTER TABLE public.{} ALTER COLUMN {} TYPE {} USING {}::text::{}",
                     QuoteIdentifier(table), quoted, expected, quoted, expected);
}

Result<std::vector<ColumnProblem>> CheckColumns(SyncConnection& connection) {
  auto rows = connection.Execute(kCheckColumns);
  if (!rows) return std::unexpected(rows.error());
  std::vector<ColumnProblem> problems;
  problems.reserve(static_cast<std::size_t>(rows->count()));
  for (int i = 0; i < rows->count(); ++i) {
    problems.push_back({.table = std::string(rows->text(i, 0)),
                        .column = std::string(rows->text(i, 1)),
                        .actual = std::string(rows->text(i, 2)),
                        .expected = std::string(rows->text(i, 3))});
  }
  return problems;
}

}  // namespace usage_ingest::ingest
