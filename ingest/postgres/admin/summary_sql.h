#pragma once
// The SQL of SummaryAdmin.
//
// Source        docs/database.md, usage_summaries; the same sums as aggregate/rollup.h.

namespace usage_ingest::postgres::admin::sql {

// What there is to compare: days and months (level, start, end), oldest first, of the range [$1,
// $2) in microseconds since 1970 (NULL: as far as there are rows) that lie wholly within
// partitions.
inline constexpr const char* kChunks = R"sql(
WITH rows_reach AS (
  SELECT least((SELECT min(created_at) FROM public.usage_logs)::timestamptz,
               (SELECT min(period_start) FROM public.usage_summaries)::timestamptz) AS first,
         greatest((SELECT max(created_at) FROM public.usage_logs)::timestamptz,
                  (SELECT max(period_start) FROM public.usage_summaries)::timestamptz) AS last
), reach AS (
  SELECT greatest(first, 'epoch'::timestamptz + $1::bigint * interval '1 microsecond') AS first,
         least(last, 'epoch'::timestamptz + ($2::bigint - 1) * interval '1 microsecond') AS last
    FROM rows_reach
), chunks AS (
  SELECT 'day' AS level, day AS start, day + interval '1 day' AS finish
    FROM reach, generate_series(date_trunc('day', first), last, interval '1 day') AS day
  UNION ALL
  SELECT 'month', month, month + interval '1 month'
    FROM reach, generate_series(date_trunc('month', first), last, interval '1 month') AS month
), partitioned AS (
  SELECT range_agg(CASE WHEN is_default THEN tstzrange(NULL, NULL)
                        ELSE tstzrange(from_time, to_time) END) AS spans
    FROM usage_ingest.partitions_of_usage_logs() WHERE NOT detach_pending
)
SELECT level, start::text, finish::text
  FROM chunks, partitioned
 WHERE spans @> tstzrange(start, finish)
 ORDER BY finish, level)sql";

// Rows of usage_summaries beside what usage_logs adds up to, in [$1, $2). $3 is the level: 'day'
// compares hours and days, 'month' months. To be followed by a SELECT from "judged".
inline constexpr const char* kCompareSummaries = R"sql(
WITH counted AS (
  SELECT l.subscription_id, l.model_id,
         date_trunc(CASE WHEN $3 = 'month' THEN 'month' ELSE 'hour' END, l.created_at::timestamptz)
           AS period_start,
         count(*) AS request_count,
         sum(l.request_tokens::bigint) AS request_tokens,
         sum(l.response_tokens::bigint) AS response_tokens,
         count(*) FILTER (WHERE l.status_code >= 400) AS error_count,
         COALESCE(sum(l.latency_ms::bigint), 0) AS latency_ms_sum,
         count(l.latency_ms) AS latency_count,
         sum(COALESCE(l.input_cost, 0) + COALESCE(l.output_cost, 0)) AS total_cost
    FROM public.usage_logs AS l
   WHERE l.created_at >= $1::timestamptz AND l.created_at < $2::timestamptz
   GROUP BY 1, 2, 3
), expected AS (
  SELECT subscription_id, model_id,
         CASE WHEN $3 = 'month' THEN 'month' ELSE 'hour' END AS period_type, period_start,
         request_count, request_tokens, response_tokens, error_count, latency_ms_sum,
         latency_count, total_cost
    FROM counted
  UNION ALL
  SELECT subscription_id, model_id, 'day', date_trunc('day', period_start), sum(request_count),
         sum(request_tokens), sum(response_tokens), sum(error_count), sum(latency_ms_sum),
         sum(latency_count), sum(total_cost)
    FROM counted WHERE $3 = 'day'
   GROUP BY 1, 2, 4
), actual AS (
  SELECT s.*
    FROM public.usage_summaries AS s
   WHERE s.period_type = ANY (CASE WHEN $3 = 'month' THEN ARRAY['month']
                                   ELSE ARRAY['hour', 'day'] END)
     AND s.period_start >= $1::timestamptz AND s.period_start < $2::timestamptz
), compared AS (
  SELECT COALESCE(e.subscription_id, a.subscription_id) AS subscription_id,
         COALESCE(e.model_id, a.model_id) AS model_id,
         COALESCE(e.period_type, a.period_type) AS period_type,
         COALESCE(e.period_start, a.period_start::timestamptz) AS period_start,
         COALESCE(e.request_count, 0)::bigint AS request_count,
         COALESCE(e.request_tokens + e.response_tokens, 0)::bigint AS total_tokens,
         COALESCE(e.error_count, 0)::bigint AS error_count,
         COALESCE(e.latency_ms_sum, 0)::bigint AS latency_ms_sum,
         COALESCE(e.latency_count, 0)::bigint AS latency_count,
         COALESCE(e.request_tokens, 0)::bigint AS request_tokens,
         COALESCE(e.response_tokens, 0)::bigint AS response_tokens,
         COALESCE(e.total_cost, 0)::numeric(18, 6) AS total_cost,
         round(e.latency_ms_sum::numeric / NULLIF(e.latency_count, 0))::bigint AS avg_latency_ms,
         COALESCE(a.request_count, 0)::bigint AS actual_request_count,
         COALESCE(a.total_tokens, 0)::bigint AS actual_total_tokens,
         COALESCE(a.error_count, 0)::bigint AS actual_error_count,
         COALESCE(a.latency_ms_sum, 0)::bigint AS actual_latency_ms_sum,
         COALESCE(a.latency_count, 0)::bigint AS actual_latency_count,
         COALESCE(a.request_tokens, 0)::bigint AS actual_request_tokens,
         COALESCE(a.response_tokens, 0)::bigint AS actual_response_tokens,
         COALESCE(a.total_cost, 0)::numeric(18, 6) AS actual_total_cost,
         a.avg_latency_ms::bigint AS actual_avg_latency_ms,
         e.subscription_id IS NULL AS unfounded,
         a.subscription_id IS NULL AS missing
    FROM expected AS e
    FULL JOIN actual AS a
      ON a.subscription_id = e.subscription_id AND a.model_id = e.model_id
     AND a.period_type = e.period_type AND a.period_start = e.period_start
), judged AS (
  SELECT *,
         -- A row of zeros is as good as none: what a rebuild without DELETE leaves behind.
         (unfounded OR missing OR
          (request_count, total_tokens, error_count, latency_ms_sum, latency_count, request_tokens,
           response_tokens, total_cost) IS DISTINCT FROM
          (actual_request_count, actual_total_tokens, actual_error_count, actual_latency_ms_sum,
           actual_latency_count, actual_request_tokens, actual_response_tokens, actual_total_cost)
          OR avg_latency_ms IS DISTINCT FROM actual_avg_latency_ms)
         AND NOT (unfounded AND actual_request_count = 0 AND actual_total_tokens = 0
                  AND actual_error_count = 0 AND actual_latency_count = 0) AS differs
    FROM compared
)
)sql";

inline constexpr const char* kCountDifferences = R"sql(
SELECT count(*), count(*) FILTER (WHERE differs), count(*) FILTER (WHERE differs AND missing),
       count(*) FILTER (WHERE differs AND unfounded)
  FROM judged)sql";

// $4 is how many at most.
inline constexpr const char* kShowDifferences = R"sql(
SELECT subscription_id, model_id, period_type, period_start, missing, unfounded, request_count,
       total_tokens, error_count, latency_ms_sum, latency_count, request_tokens, response_tokens,
       total_cost, avg_latency_ms, actual_request_count, actual_total_tokens, actual_error_count,
       actual_latency_ms_sum, actual_latency_count, actual_request_tokens, actual_response_tokens,
       actual_total_cost, actual_avg_latency_ms
  FROM judged WHERE differs
 ORDER BY period_start, period_type, subscription_id, model_id
 LIMIT $4::integer)sql";

inline constexpr const char* kMakeRepairs = R"sql(
CREATE TEMPORARY TABLE IF NOT EXISTS usage_ingest_repair (
  n bigint PRIMARY KEY, subscription_id uuid, model_id text, period_type text,
  period_start timestamptz, request_count bigint, total_tokens bigint, error_count bigint,
  latency_ms_sum bigint, latency_count bigint, request_tokens bigint, response_tokens bigint,
  total_cost numeric);
TRUNCATE pg_temp.usage_ingest_repair)sql";

// Before kCompareSummaries; kSelectRepairs after it. Numbered in the order in which every writer
// locks summaries.
inline constexpr const char* kInsertRepairs = "INSERT INTO pg_temp.usage_ingest_repair ";
inline constexpr const char* kSelectRepairs = R"sql(
SELECT row_number() OVER (ORDER BY subscription_id, model_id COLLATE "C",
                                   period_type COLLATE "C", period_start),
       subscription_id, model_id, period_type, period_start,
       request_count - actual_request_count, total_tokens - actual_total_tokens,
       error_count - actual_error_count, latency_ms_sum - actual_latency_ms_sum,
       latency_count - actual_latency_count, request_tokens - actual_request_tokens,
       response_tokens - actual_response_tokens, total_cost - actual_total_cost
  FROM judged WHERE differs)sql";

// Adds the differences ($1, $2] of the repairs; the subscriptions that are gone took their
// summaries with them.
inline constexpr const char* kApplyRepairs = R"sql(
WITH batch AS MATERIALIZED (
  SELECT * FROM pg_temp.usage_ingest_repair WHERE n > $1::bigint AND n <= $2::bigint
), gone AS MATERIALIZED (
  SELECT id FROM usage_ingest.lock_parents(
    ARRAY(SELECT DISTINCT subscription_id FROM batch ORDER BY 1), '{}', '{}')
)
INSERT INTO public.usage_summaries AS s
  (subscription_id, model_id, period_type, period_start, request_count, total_tokens, error_count,
   latency_ms_sum, latency_count, request_tokens, response_tokens, total_cost, avg_latency_ms)
SELECT subscription_id, model_id, period_type, period_start, request_count, total_tokens,
       error_count, latency_ms_sum, latency_count, request_tokens, response_tokens, total_cost,
       round(latency_ms_sum::numeric / nullif(latency_count, 0))
  FROM batch
 WHERE subscription_id NOT IN (SELECT id FROM gone)
 ORDER BY n
ON CONFLICT (subscription_id, model_id, period_type, period_start) DO UPDATE SET
  request_count = coalesce(s.request_count, 0) + excluded.request_count,
  total_tokens = coalesce(s.total_tokens, 0) + excluded.total_tokens,
  error_count = coalesce(s.error_count, 0) + excluded.error_count,
  latency_ms_sum = s.latency_ms_sum + excluded.latency_ms_sum,
  latency_count = s.latency_count + excluded.latency_count,
  request_tokens = s.request_tokens + excluded.request_tokens,
  response_tokens = s.response_tokens + excluded.response_tokens,
  total_cost = s.total_cost + excluded.total_cost,
  avg_latency_ms = round((s.latency_ms_sum + excluded.latency_ms_sum)::numeric
                         / nullif(s.latency_count + excluded.latency_count, 0)))sql";

// The rows of ($1, $2] that came to nothing. They are locked by us since kApplyRepairs.
inline constexpr const char* kRemoveUnfounded = R"sql(
DELETE FROM public.usage_summaries AS s
 USING pg_temp.usage_ingest_repair AS r
 WHERE r.n > $1::bigint AND r.n <= $2::bigint
   AND s.subscription_id = r.subscription_id AND s.model_id = r.model_id
   AND s.period_type = r.period_type AND s.period_start = r.period_start
   AND s.request_count = 0 AND s.total_tokens = 0 AND s.error_count = 0
   AND s.latency_count = 0)sql";

}  // namespace usage_ingest::postgres::admin::sql
