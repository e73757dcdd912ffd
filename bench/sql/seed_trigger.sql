-- The status quo: the seed's own row trigger, word for word (shared seed schema, "Automatic usage
-- summary update"), on a database of the benchmark. Locks: SHARE ROW EXCLUSIVE on usage_logs, at
-- once. Reversible: `usage-ingestd migrate` puts the corrected one back.
CREATE OR REPLACE FUNCTION update_usage_summary()
RETURNS TRIGGER AS $$
BEGIN
    INSERT INTO usage_summaries (
        subscription_id,
        model_id,
        period_type,
        period_start,
        request_count,
        total_tokens,
        error_count,
        avg_latency_ms
    )
    VALUES (
        NEW.subscription_id,
        NEW.model_id,
        'hour',
        date_trunc('hour', NEW.created_at),
        1,
        NEW.total_tokens,
        CASE WHEN NEW.status_code >= 400 THEN 1 ELSE 0 END,
        NEW.latency_ms
    )
    ON CONFLICT (subscription_id, model_id, period_type, period_start)
    DO UPDATE SET
        request_count = usage_summaries.request_count + 1,
        total_tokens = usage_summaries.total_tokens + NEW.total_tokens,
        error_count = usage_summaries.error_count +
            CASE WHEN NEW.status_code >= 400 THEN 1 ELSE 0 END,
        avg_latency_ms = (
            (usage_summaries.avg_latency_ms * usage_summaries.request_count + NEW.latency_ms) /
            (usage_summaries.request_count + 1)
        );

    -- Update subscription usage
    UPDATE subscriptions
    SET used_requests = used_requests + 1,
        used_tokens = used_tokens + NEW.total_tokens
    WHERE id = NEW.subscription_id;

    RETURN NEW;
END;
$$ language 'plpgsql';

CREATE OR REPLACE TRIGGER update_usage_on_log AFTER INSERT ON usage_logs
    FOR EACH ROW EXECUTE FUNCTION update_usage_summary();
