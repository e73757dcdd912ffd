-- usage_logs out of what Telegraf writes, by a statement-level trigger with a transition table; then
-- statement_trigger.sql does the sums. The owners are looked up in a table that is made once, which a
-- real installation could not afford. The table of events is not in the write-ahead log: their rows are
-- committed in the same transaction. Locks: as statement_trigger.sql.
\ir statement_trigger.sql

CREATE TABLE owners AS
SELECT h.hash, s.model_id, s.id AS subscription_id, k.id AS api_key_id, k.team_id
FROM api_keys k
CROSS JOIN LATERAL (VALUES
    (k.key_hash), (encode(sha256(convert_to(nullif(k.lite_llm_key_value, ''), 'UTF8')), 'hex'))) AS h(hash)
JOIN subscriptions s ON s.user_id = k.user_id
WHERE h.hash <> '';
CREATE INDEX ON owners (hash, model_id);
ANALYZE owners;

CREATE UNLOGGED TABLE litellm (time timestamp with time zone, value text);

CREATE FUNCTION fill_usage_logs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage_logs (id, subscription_id, api_key_id, team_id, model_id, request_tokens,
                            response_tokens, input_cost, output_cost, latency_ms, status_code,
                            error_message, litellm_request_id, metadata, created_at)
    WITH decoded AS MATERIALIZED (SELECT value::jsonb AS e FROM arrived),
    facts AS MATERIALIZED (
        SELECT e, e->>'id' AS id, e->>'model_group' AS model, e->'metadata'->>'user_api_key_hash' AS hash,
               (e->>'startTime')::float8 AS start,
               CASE WHEN (e->>'cache_hit')::boolean THEN 0
                    ELSE round((e->>'response_cost')::numeric, 6) END AS total,
               CASE WHEN (e->>'cache_hit')::boolean THEN 0
                    ELSE round(coalesce((e->'cost_breakdown'->>'output_cost')::numeric, 0), 6) END AS output,
               e->'error_information'->>'error_code' AS code
        FROM decoded)
    SELECT md5(f.id)::uuid, o.subscription_id, o.api_key_id, o.team_id, o.model_id,
           (e->>'prompt_tokens')::int, (e->>'completion_tokens')::int,
           greatest(f.total - f.output, 0), f.output, round(((e->>'endTime')::float8 - f.start) * 1000)::int,
           CASE WHEN f.code ~ '^[4-9]\d\d$' THEN f.code::int
                WHEN e->>'status' = 'failure' THEN 500 ELSE 200 END,
           e->>'error_str', f.id,
           jsonb_strip_nulls(jsonb_build_object(
               'call_type', e->'call_type', 'provider', e->'custom_llm_provider', 'model', e->'model',
               'trace_id', e->'trace_id', 'call_id', e->'litellm_call_id', 'stream', e->'stream',
               'cache_hit', e->'cache_hit', 'tags', e->'request_tags')),
           to_timestamp(f.start)
    FROM facts f JOIN owners o ON o.hash = f.hash AND o.model_id = f.model
    ORDER BY 1
    ON CONFLICT (id, created_at) DO NOTHING;
    RETURN NULL;
END;
$$;

CREATE TRIGGER fill_usage_logs AFTER INSERT ON litellm
    REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION fill_usage_logs();
