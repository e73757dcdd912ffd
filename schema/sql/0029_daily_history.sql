-- The durable history of usage: what each subscription, key, team and model has used on each UTC day.
-- Rows of usage_logs and summaries are deleted with their user, subscription or month; the history is
-- not. So it has no foreign key, and the names of its day.
-- Mode: transaction
-- Locks: none
-- Time: milliseconds
-- Reversible: DROP TABLE, DROP FUNCTION

-- No key column is NULL, and no column with an index changes: an update stays on its page and touches
-- no index (HOT: PostgreSQL manual, 73.7). The nil UUID means none. The sums are last, since the log of
-- an update leaves out what is equal at the beginning of a row.
CREATE TABLE IF NOT EXISTS usage_ingest.usage_daily (
    day DATE NOT NULL,
    subscription_id UUID NOT NULL,
    api_key_id UUID NOT NULL,
    team_id UUID NOT NULL,
    model_id TEXT COLLATE "C" NOT NULL,
    user_id UUID NOT NULL,
    username TEXT,
    user_email TEXT,
    team_alias TEXT,
    key_alias TEXT,
    key_hash TEXT,
    model_name TEXT,
    provider TEXT,
    requests BIGINT NOT NULL,
    errors BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cached_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    latency_ms_sum BIGINT NOT NULL,
    latency_count BIGINT NOT NULL,
    cost NUMERIC(18, 6) NOT NULL,
    PRIMARY KEY (day, subscription_id, api_key_id, team_id, model_id)
) WITH (fillfactor = 75);
-- for a month of many years: a few hundred KB, since rows are in the order of days
CREATE INDEX IF NOT EXISTS usage_daily_day ON usage_ingest.usage_daily
    USING brin (day) WITH (pages_per_range = 32);
COMMENT ON TABLE usage_ingest.usage_daily IS
    'usage of each UTC day; it stays when users, subscriptions, keys and rows of usage_logs are deleted';
COMMENT ON COLUMN usage_ingest.usage_daily.username IS
    'this and the other names are those of the first use on the day';
COMMENT ON COLUMN usage_ingest.usage_daily.latency_count IS 'requests with a known latency';

-- The names of a use, for its first row of the day; the other columns are NULL. SECURITY DEFINER, so
-- that the daemon's role needs no right to read addresses and names of all users. A column that
-- LiteMaaS has renamed must not stop ingestion: the names are those that were found before the error.
CREATE OR REPLACE FUNCTION usage_ingest.names_of_use(
    wanted_subscription UUID, wanted_key UUID, wanted_team UUID, wanted_model TEXT)
RETURNS usage_ingest.usage_daily
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names usage_ingest.usage_daily;
BEGIN
    SELECT s.user_id INTO names.user_id
      FROM public.subscriptions AS s WHERE s.id = wanted_subscription;
    SELECT u.username, u.email INTO names.username, names.user_email
      FROM public.users AS u WHERE u.id = names.user_id;
    SELECT coalesce(nullif(t.alias, ''), t.name) INTO names.team_alias
      FROM public.teams AS t WHERE t.id = wanted_team;
    SELECT coalesce(nullif(k.litellm_key_alias, ''), k.name), k.key_hash
      INTO names.key_alias, names.key_hash
      FROM public.api_keys AS k WHERE k.id = wanted_key;
    SELECT m.name, m.provider INTO names.model_name, names.provider
      FROM public.models AS m WHERE m.id = wanted_model;
    RETURN names;
EXCEPTION
    WHEN lock_not_available OR deadlock_detected OR serialization_failure OR query_canceled THEN
        RAISE;
    WHEN OTHERS THEN
        RAISE WARNING 'usage_ingest.names_of_use: % (%)', SQLERRM, SQLSTATE;
        RETURN names;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.names_of_use(UUID, UUID, UUID, TEXT) FROM PUBLIC;
