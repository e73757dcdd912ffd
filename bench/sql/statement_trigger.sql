-- The best that SQL alone can do: one statement-level trigger with a transition table in place of
-- the seed's row trigger. It keeps what the seed's keeps (hours, quota counters), not days, months,
-- exact latencies, nor any offset. Locks in key order, so that two connections do not deadlock.
-- Locks: SHARE ROW EXCLUSIVE and ACCESS EXCLUSIVE on usage_logs, at once, on a database of the
-- benchmark.
DROP TRIGGER update_usage_on_log ON usage_logs;

CREATE FUNCTION summarise_inserted_usage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_summaries AS s (subscription_id, model_id, period_type, period_start,
                                      request_count, total_tokens, error_count, avg_latency_ms)
    SELECT subscription_id, model_id, 'hour', date_trunc('hour', created_at), count(*),
           sum(total_tokens), count(*) FILTER (WHERE status_code >= 400), avg(latency_ms)
    FROM inserted
    GROUP BY 1, 2, 4
    ORDER BY 1, 2, 4
    ON CONFLICT (subscription_id, model_id, period_type, period_start) DO UPDATE SET
        request_count = s.request_count + EXCLUDED.request_count,
        total_tokens = s.total_tokens + EXCLUDED.total_tokens,
        error_count = s.error_count + EXCLUDED.error_count,
        avg_latency_ms = (s.avg_latency_ms::bigint * s.request_count
                          + EXCLUDED.avg_latency_ms::bigint * EXCLUDED.request_count)
                         / (s.request_count + EXCLUDED.request_count);

    PERFORM 1 FROM subscriptions
    WHERE id IN (SELECT subscription_id FROM inserted) ORDER BY id FOR NO KEY UPDATE;
    UPDATE subscriptions AS s
    SET used_requests = s.used_requests + i.requests, used_tokens = s.used_tokens + i.tokens
    FROM (SELECT subscription_id, count(*) AS requests, sum(total_tokens) AS tokens
          FROM inserted GROUP BY 1) AS i
    WHERE s.id = i.subscription_id;
    RETURN NULL;
END;
$$;

CREATE TRIGGER summarise_usage AFTER INSERT ON usage_logs
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION summarise_inserted_usage();
