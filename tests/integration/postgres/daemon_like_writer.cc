#include "tests/integration/postgres/daemon_like_writer.h"

#include "ingest/postgres/batch/daily_upsert.h"
#include "ingest/postgres/batch/quota_update.h"
#include "ingest/postgres/batch/summary_upsert.h"

namespace usage_ingest::postgres {
namespace {

// Rows of the batch, made up from a seed: latencies, errors and costs, some unknown.
constexpr const char* kMakeRows =
    "CREATE TEMPORARY TABLE IF NOT EXISTS batch (LIKE public.usage_logs INCLUDING DEFAULTS);"
    "TRUNCATE batch";
constexpr const char* kFillRows = R"sql(
INSERT INTO batch (id, subscription_id, model_id, request_tokens, response_tokens, input_cost,
                   output_cost, latency_ms, status_code, created_at)
SELECT gen_random_uuid(), s.id, s.model_id, (random() * 1000)::int, (random() * 1000)::int,
       (random() * 5)::numeric(10, 6), (random() * 5)::numeric(10, 6),
       CASE WHEN random() < 0.8 THEN (random() * 5000)::int END,
       CASE WHEN random() < 0.9 THEN 200 ELSE 500 END,
       date_trunc('milliseconds', now() - random() * interval '3 days')
  FROM generate_series(1, $1::integer) AS i
 CROSS JOIN LATERAL (SELECT id, model_id FROM public.subscriptions
                      ORDER BY md5(id::text || i::text || $2::text) LIMIT 1) AS s)sql";
constexpr const char* kInsertRows =
    "INSERT INTO public.usage_logs (id, subscription_id, model_id, request_tokens, "
    "response_tokens, input_cost, output_cost, latency_ms, status_code, created_at) "
    "SELECT id, subscription_id, model_id, request_tokens, response_tokens, input_cost, "
    "output_cost, latency_ms, status_code, created_at FROM batch ORDER BY created_at, id";
// The key and the sums of a summary as array literals, in the order of aggregate/summary_columns.h,
// sorted as the daemon sorts.
constexpr const char* kSums = R"sql(
WITH sums AS (
  SELECT subscription_id, model_id, type, date_trunc(type, created_at, 'UTC') AS start,
         count(*) AS requests, count(*) FILTER (WHERE status_code >= 400) AS errors,
         sum(request_tokens) AS request_tokens, sum(response_tokens) AS response_tokens,
         COALESCE(sum(latency_ms), 0) AS latency_ms_sum, count(latency_ms) AS latency_count,
         (sum(input_cost + output_cost) * 1000000)::bigint AS cost
    FROM batch, unnest(ARRAY['day', 'hour', 'month']) AS type
   GROUP BY 1, 2, 3, 4 ORDER BY subscription_id, model_id COLLATE "C", type, start
)
SELECT array_agg(subscription_id), array_agg(model_id), array_agg(type), array_agg(start),
       array_agg(requests), array_agg(request_tokens + response_tokens), array_agg(errors),
       array_agg(latency_ms_sum), array_agg(latency_count), array_agg(request_tokens),
       array_agg(response_tokens), array_agg(cost)
  FROM sums)sql";
// The same for the history, in the order of aggregate/daily_columns.h.
constexpr const char* kDays = R"sql(
WITH days AS (
  SELECT (created_at AT TIME ZONE 'UTC')::date - DATE '1970-01-01' AS day, subscription_id,
         '00000000-0000-0000-0000-000000000000'::uuid AS none, model_id, count(*) AS requests,
         count(*) FILTER (WHERE status_code >= 400) AS errors, sum(request_tokens) AS input_tokens,
         sum(response_tokens) AS output_tokens, 0 AS zero,
         (sum(input_cost + output_cost) * 1000000)::bigint AS cost,
         COALESCE(sum(latency_ms), 0) AS latency_ms_sum, count(latency_ms) AS latency_count
    FROM batch GROUP BY 1, 2, 3, 4 ORDER BY subscription_id, day, model_id COLLATE "C"
)
SELECT array_agg(day), array_agg(subscription_id), array_agg(none), array_agg(none),
       array_agg(model_id), array_agg(requests), array_agg(errors), array_agg(input_tokens),
       array_agg(output_tokens), array_agg(zero), array_agg(zero), array_agg(cost),
       array_agg(latency_ms_sum), array_agg(latency_count)
  FROM days)sql";
constexpr const char* kTicks = R"sql(
SELECT array_agg(id), array_agg(requests), array_agg(tokens), '{80,95,100}'::int8[], array_agg(cost)
  FROM (SELECT subscription_id AS id, count(*) AS requests,
               sum(request_tokens + response_tokens) AS tokens,
               (sum(input_cost + output_cost) * 1000000)::bigint AS cost
          FROM batch GROUP BY 1 ORDER BY 1) AS ticks)sql";

std::vector<std::string> OnlyRow(Database& database, const std::string& sql) {
  std::vector<std::string> values;
  const std::vector<support::Row> rows = database.Query(sql);
  for (const auto& value : rows.at(0)) values.push_back(value.value());
  return values;
}

}  // namespace

bool DaemonLikeWriter::WriteBatch(int rows) {
  try {
    WriteInTransaction(rows);
    return true;
  } catch (const DatabaseError& error) {
    database_.Execute("ROLLBACK");
    if (error.sqlstate == "55P03" || error.sqlstate == "40P01") return false;
    throw;
  }
}

void DaemonLikeWriter::WriteInTransaction(int rows) {
  database_.Execute("SET lock_timeout = '" + lock_timeout_ + "'");
  database_.Execute(kMakeRows);
  database_.Execute(kFillRows, {std::to_string(rows), std::to_string(++seed_)});
  database_.Execute("BEGIN; SET LOCAL usage_ingest.aggregating = 'on'");
  database_.Execute(
      "SELECT usage_ingest.lock_parents(ARRAY(SELECT DISTINCT subscription_id FROM "
      "batch), '{}', '{}')");
  if (fast_path_) database_.Execute("SET LOCAL session_replication_role = replica");
  database_.Execute(kInsertRows);
  if (fast_path_) database_.Execute("SET LOCAL session_replication_role = origin");
  database_.Execute(batch::AddSummaries({}).sql, OnlyRow(database_, kSums));
  database_.Execute(batch::AddDaily({}).sql, OnlyRow(database_, kDays));
  database_.Execute(batch::AddQuotasSql(batch::Spend::kAdded), OnlyRow(database_, kTicks));
  database_.Execute("COMMIT");
}

}  // namespace usage_ingest::postgres
