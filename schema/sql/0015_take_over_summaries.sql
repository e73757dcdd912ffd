-- The hand-over. The seed's row trigger stays for other writers, with a function that keeps the same
-- columns and periods as the daemon, and steps aside for a transaction that aggregates by itself
-- (SET LOCAL usage_ingest.aggregating = 'on'). OR REPLACE, since DROP TRIGGER would take ACCESS
-- EXCLUSIVE and leave a moment without either.
-- Mode: transaction
-- Locks: SHARE ROW EXCLUSIVE on usage_logs and its partitions, for milliseconds
-- Time: milliseconds
-- Reversible: docs/database.md, "the way back"
CREATE OR REPLACE FUNCTION update_usage_summary()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
    tokens BIGINT := NEW.request_tokens::bigint + NEW.response_tokens;
    errors INTEGER := CASE WHEN NEW.status_code >= 400 THEN 1 ELSE 0 END;
    cost NUMERIC := COALESCE(NEW.input_cost, 0) + COALESCE(NEW.output_cost, 0);
BEGIN
    -- Periods in the order of the unique key, as every writer locks them.
    INSERT INTO usage_summaries AS s (
        subscription_id, model_id, period_type, period_start, request_count, total_tokens,
        error_count, avg_latency_ms, latency_ms_sum, latency_count, request_tokens,
        response_tokens, total_cost)
    SELECT NEW.subscription_id, NEW.model_id, period.type,
           date_trunc(period.type, NEW.created_at::timestamptz), 1, tokens, errors,
           NEW.latency_ms, COALESCE(NEW.latency_ms, 0), (NEW.latency_ms IS NOT NULL)::integer,
           NEW.request_tokens, NEW.response_tokens, cost
      FROM unnest(ARRAY['day', 'hour', 'month']) AS period(type)
    ON CONFLICT (subscription_id, model_id, period_type, period_start) DO UPDATE
    SET (request_count, total_tokens, error_count, request_tokens, response_tokens, total_cost,
         latency_ms_sum, latency_count, avg_latency_ms) = (
        SELECT COALESCE(s.request_count, 0) + 1,
               COALESCE(s.total_tokens, 0) + tokens,
               COALESCE(s.error_count, 0) + errors,
               s.request_tokens + EXCLUDED.request_tokens,
               s.response_tokens + EXCLUDED.response_tokens,
               s.total_cost + EXCLUDED.total_cost,
               known.sum, known.count, round(known.sum::numeric / NULLIF(known.count, 0))
          FROM (SELECT EXCLUDED.latency_ms_sum
                           + CASE WHEN older.estimate THEN s.avg_latency_ms::bigint * s.request_count
                                  ELSE s.latency_ms_sum END AS sum,
                       EXCLUDED.latency_count
                           + CASE WHEN older.estimate THEN s.request_count
                                  ELSE s.latency_count END AS count
                  -- A row from before the hand-over that 0016 has not come to yet.
                  FROM (SELECT s.latency_count = 0 AND s.avg_latency_ms IS NOT NULL) AS
                           older(estimate)) AS known);

    UPDATE subscriptions
       SET used_requests = COALESCE(used_requests, 0) + 1,
           used_tokens = COALESCE(used_tokens, 0) + tokens
     WHERE id = NEW.subscription_id;

    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER update_usage_on_log AFTER INSERT ON usage_logs
    FOR EACH ROW
    WHEN (current_setting('usage_ingest.aggregating', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION update_usage_summary();
