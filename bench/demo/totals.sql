-- tools/demo compares what the generator produced with what PostgreSQL holds.
--
-- psql variable `report`: the JSON of `usage-load produce`; standard input: its --quotas-out file.
-- Prints what, expected, found, equal; reads only, but for a temporary table. Takes a second.
CREATE TEMP TABLE expected_use (subscription_id uuid, requests bigint, tokens bigint);
\copy expected_use FROM pstdin CSV

CREATE TEMP VIEW offset_totals AS
SELECT sum(records) AS records, sum(events) AS events, sum(inserted) AS inserted,
       sum(duplicates) AS duplicates, sum(dead_lettered) AS dead_lettered, sum(skipped) AS skipped
FROM usage_ingest.kafka_offsets;

CREATE TEMP TABLE logged AS
SELECT count(*) AS requests, count(*) FILTER (WHERE status_code >= 400) AS errors,
       coalesce(sum(request_tokens), 0) AS request_tokens,
       coalesce(sum(response_tokens), 0) AS response_tokens,
       coalesce(sum(total_cost), 0) AS cost, coalesce(sum(latency_ms), 0) AS latency_ms
FROM usage_logs;

CREATE TEMP VIEW summed AS
SELECT period_type, sum(request_count) AS requests, sum(error_count) AS errors,
       sum(total_tokens) AS tokens, sum(total_cost) AS cost, sum(latency_ms_sum) AS latency_ms
FROM usage_summaries GROUP BY period_type;

-- Every hour, day and month of every subscription and model, not only their sums.
CREATE TEMP VIEW wrong_summaries AS
WITH truth AS (
  SELECT subscription_id, model_id, p.period_type,
         date_trunc(p.period_type, created_at, 'UTC') AS period_start,
         count(*) AS requests, sum(total_tokens) AS tokens, sum(total_cost) AS cost
  FROM usage_logs CROSS JOIN (VALUES ('hour'), ('day'), ('month')) AS p (period_type)
  GROUP BY 1, 2, 3, 4)
SELECT count(*) AS rows
FROM truth FULL JOIN usage_summaries AS s USING (subscription_id, model_id, period_type, period_start)
WHERE (s.request_count, s.total_tokens, s.total_cost) IS DISTINCT FROM
      (truth.requests, truth.tokens, truth.cost);

CREATE TEMP VIEW wrong_quotas AS
SELECT count(*) AS rows
FROM subscriptions AS s LEFT JOIN expected_use AS e ON e.subscription_id = s.id
WHERE (coalesce(s.used_requests, 0), coalesce(s.used_tokens, 0)) IS DISTINCT FROM
      (coalesce(e.requests, 0), coalesce(e.tokens, 0));

WITH produced AS (
  SELECT (p ->> 'records')::numeric AS records, (p ->> 'inserted')::numeric AS inserted,
         (p ->> 'duplicates')::numeric AS duplicates,
         (p ->> 'dead_lettered')::numeric AS dead_lettered, (p ->> 'skipped')::numeric AS skipped,
         (p ->> 'errors')::numeric AS errors,
         (p ->> 'request_tokens')::numeric AS request_tokens,
         (p ->> 'response_tokens')::numeric AS response_tokens,
         ((p ->> 'cost_micros')::numeric / 1000000)::numeric(20, 6) AS cost,
         (p ->> 'latency_ms')::numeric AS latency_ms
  FROM (SELECT :'report'::json -> 'produced' AS p) AS report
), quotas AS (
  SELECT coalesce(sum(used_requests), 0) AS requests, coalesce(sum(used_tokens), 0) AS tokens
  FROM subscriptions
), hours AS (
  SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(errors), 0) AS errors,
         coalesce(sum(tokens), 0) AS tokens, coalesce(sum(cost), 0) AS cost,
         coalesce(sum(latency_ms), 0) AS latency_ms
  FROM summed WHERE period_type = 'hour'
), totals (place, what, expected, found) AS (
  SELECT v.* FROM produced, offset_totals, logged, quotas, hours, wrong_summaries, wrong_quotas,
  LATERAL (VALUES
    (1, 'records published / read', produced.records, offset_totals.records),
    (2, 'rows in usage_logs', produced.inserted, logged.requests),
    (3, '  counted as inserted', produced.inserted, offset_totals.inserted),
    (4, 'duplicates', produced.duplicates, offset_totals.duplicates),
    (5, 'dead letters', produced.dead_lettered, offset_totals.dead_lettered),
    (6, '  kept in usage_ingest.dead_letters', produced.dead_lettered,
        (SELECT count(*) FROM usage_ingest.dead_letters)),
    (7, 'skipped (health checks, unknown keys, ...)', produced.skipped, offset_totals.skipped),
    (8, 'events = rows + duplicates + dead + skipped', offset_totals.events,
        offset_totals.inserted + offset_totals.duplicates + offset_totals.dead_lettered
          + offset_totals.skipped),
    (9, 'errors', produced.errors, logged.errors),
    (10, 'request tokens', produced.request_tokens, logged.request_tokens),
    (11, 'response tokens', produced.response_tokens, logged.response_tokens),
    (12, 'latency, ms', produced.latency_ms, logged.latency_ms),
    (13, 'cost', produced.cost, logged.cost),
    (14, 'hour summaries: requests', produced.inserted, hours.requests),
    (15, 'hour summaries: errors', produced.errors, hours.errors),
    (16, 'hour summaries: tokens', produced.request_tokens + produced.response_tokens,
         hours.tokens),
    (17, 'hour summaries: cost', produced.cost, hours.cost),
    (18, 'hour summaries: latency, ms', produced.latency_ms, hours.latency_ms),
    (19, 'summaries (hour, day, month) that are wrong', 0, wrong_summaries.rows),
    (20, 'quota counters: requests', produced.inserted, quotas.requests),
    (21, 'quota counters: tokens', produced.request_tokens + produced.response_tokens,
         quotas.tokens),
    (22, 'subscriptions whose counters are wrong', 0, wrong_quotas.rows)
  ) AS v (place, what, expected, found)
)
SELECT what, expected, found, expected = found FROM totals ORDER BY place;
