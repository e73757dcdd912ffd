-- Quota periods: when the counters of a subscription start again from zero, and what is warned of once
-- a period.
-- The daemon calls these functions; with quotas.periods = "off" it calls none of the first part.
-- Mode: transaction
-- Locks: none
-- Time: milliseconds
-- Reversible: DROP FUNCTION, DROP TABLE

-- No foreign keys: TRUNCATE users CASCADE by LiteMaaS' role must not need a right on these tables.
CREATE TABLE IF NOT EXISTS usage_ingest.quota_periods (
    subscription_id UUID PRIMARY KEY,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
    counted_from TIMESTAMP WITH TIME ZONE NOT NULL
);
COMMENT ON TABLE usage_ingest.quota_periods IS
    'the present quota period of each subscription whose counters the daemon has reset';
COMMENT ON COLUMN usage_ingest.quota_periods.counted_from IS
    'the reset_at that the periods are counted from: the 31st stays the 31st after February';

CREATE TABLE IF NOT EXISTS usage_ingest.quota_warnings (
    subscription_id UUID,
    resource TEXT,
    percent BIGINT,
    warned_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (subscription_id, resource, percent)
);
COMMENT ON TABLE usage_ingest.quota_warnings IS
    'thresholds of quotas that were reached in the present period';

CREATE TABLE IF NOT EXISTS usage_ingest.spend (
    subscription_id UUID PRIMARY KEY,
    cost NUMERIC(18, 6) NOT NULL
) WITH (fillfactor = 70);
COMMENT ON TABLE usage_ingest.spend IS
    'subscriptions whose current_spend the daemon keeps';
COMMENT ON COLUMN usage_ingest.spend.cost IS
    'what the last update had to add: current_spend has its whole cents, the rest is added next time';

-- LiteMaaS writes words, LiteLLM "30d" and the like. NULL: no periods ("lifetime", or not known).
CREATE OR REPLACE FUNCTION usage_ingest.period_length(duration TEXT)
RETURNS INTERVAL
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE lower(btrim(duration))
           WHEN 'hourly' THEN interval '1 hour'
           WHEN 'daily' THEN interval '1 day'
           WHEN 'weekly' THEN interval '7 days'
           WHEN 'monthly' THEN interval '1 month'
           WHEN 'yearly' THEN interval '1 year'
           ELSE CASE WHEN btrim(duration) ~ '^[1-9][0-9]{0,3}(h|d|w|mo|y)$' THEN
               substring(duration FROM '[0-9]+')::int
               * CASE substring(btrim(duration) FROM '[a-z]+$')
                 WHEN 'h' THEN interval '1 hour'
                 WHEN 'd' THEN interval '1 day'
                 WHEN 'w' THEN interval '7 days'
                 WHEN 'mo' THEN interval '1 month'
                 ELSE interval '1 year' END
           END END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.period_length(TEXT) FROM PUBLIC;

-- How many whole periods are over at `now_at`, counted from `counted_from`: at least 0.
CREATE OR REPLACE FUNCTION usage_ingest.periods_between(
    counted_from TIMESTAMP WITH TIME ZONE, length INTERVAL, now_at TIMESTAMP WITH TIME ZONE)
RETURNS INTEGER
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
    -- A month counts as 30 days here, so five per cent less is never too many.
    whole INTEGER := greatest(
        0, floor(0.95 * extract(epoch FROM now_at - counted_from) / extract(epoch FROM length)));
BEGIN
    WHILE counted_from + (whole + 1) * length <= now_at LOOP
        whole := whole + 1;
    END LOOP;
    RETURN whole;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.periods_between(
    TIMESTAMP WITH TIME ZONE, INTERVAL, TIMESTAMP WITH TIME ZONE) FROM PUBLIC;

-- A subscription that has ended keeps its counters.
CREATE OR REPLACE FUNCTION usage_ingest.has_periods(status TEXT, duration TEXT)
RETURNS BOOLEAN
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT status IN ('active', 'suspended', 'pending')
       AND usage_ingest.period_length(duration) IS NOT NULL;
$$;
REVOKE ALL ON FUNCTION usage_ingest.has_periods(TEXT, TEXT) FROM PUBLIC;

-- Starts the period of one subscription whose reset_at is over. The caller holds the row's lock.
CREATE OR REPLACE FUNCTION usage_ingest.start_quota_period(subscription JSONB)
RETURNS VOID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
    wanted CONSTANT UUID := subscription->>'id';
    ends CONSTANT TIMESTAMP WITH TIME ZONE := subscription->>'reset_at';
    duration CONSTANT INTERVAL := usage_ingest.period_length(subscription->>'budget_duration');
    -- Another reset_at than the one that we have set is a decision of LiteMaaS or of a person.
    first_end CONSTANT TIMESTAMP WITH TIME ZONE := coalesce(
        (SELECT counted_from FROM usage_ingest.quota_periods AS p
          WHERE p.subscription_id = wanted AND p.ends_at = ends
            AND p.counted_from + duration
                * usage_ingest.periods_between(p.counted_from, duration, ends) = ends),
        ends);
    ended CONSTANT INTEGER :=
        usage_ingest.periods_between(first_end, duration, clock_timestamp());
    next_reset CONSTANT TIMESTAMP WITH TIME ZONE := first_end + (ended + 1) * duration;
    spent JSONB := '{}';
BEGIN
    INSERT INTO usage_ingest.quota_periods AS p (subscription_id, started_at, ends_at, counted_from)
    VALUES (wanted, first_end + ended * duration, next_reset, first_end)
    ON CONFLICT (subscription_id) DO UPDATE
    SET started_at = EXCLUDED.started_at, ends_at = EXCLUDED.ends_at,
        counted_from = EXCLUDED.counted_from;
    DELETE FROM usage_ingest.quota_warnings AS w WHERE w.subscription_id = wanted;
    UPDATE public.subscriptions AS s SET used_requests = 0, used_tokens = 0, reset_at = next_reset
     WHERE s.id = wanted;
    -- Where another program keeps current_spend, it also resets it.
    DELETE FROM usage_ingest.spend AS own WHERE own.subscription_id = wanted;
    IF FOUND AND subscription ? 'current_spend' THEN
        UPDATE public.subscriptions AS s SET current_spend = 0 WHERE s.id = wanted;
        spent := jsonb_build_object('current_spend', subscription->'current_spend');
    END IF;
    IF (subscription->>'used_requests')::numeric <> 0
       OR (subscription->>'used_tokens')::numeric <> 0 THEN
        PERFORM usage_ingest.write_audit(
            subscription, 'subscription.quota_reset',
            spent || jsonb_build_object(
                'used_requests', subscription->'used_requests',
                'used_tokens', subscription->'used_tokens', 'reset_at', ends),
            jsonb_build_object('used_requests', 0, 'used_tokens', 0, 'reset_at', next_reset),
            jsonb_build_object('reset_at', next_reset));
    END IF;
    IF EXISTS (SELECT FROM usage_ingest.suspensions AS own WHERE own.subscription_id = wanted) THEN
        PERFORM usage_ingest.lift_suspension(wanted, 'a new quota period began');
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.start_quota_period(JSONB) FROM PUBLIC;

-- Starts the periods that are due: of these subscriptions, or of all (NULL). One that fails stays as
-- it is, with a warning; the others go on. Exactly once: the row is read again under its lock.
-- Returns how many have started; at most `count_max`.
CREATE OR REPLACE FUNCTION usage_ingest.start_quota_periods(wanted UUID[], count_max BIGINT)
RETURNS BIGINT
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
    due JSONB;
    started BIGINT := 0;
BEGIN
    FOR due IN
        SELECT to_jsonb(s) FROM public.subscriptions AS s
         WHERE (wanted IS NULL OR s.id = ANY (wanted)) AND s.reset_at <= clock_timestamp()
           AND usage_ingest.has_periods(s.status::text, s.budget_duration::text)
         ORDER BY s.id LIMIT count_max FOR NO KEY UPDATE
    LOOP
        BEGIN
            PERFORM usage_ingest.start_quota_period(due);
            started := started + 1;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected OR serialization_failure
              OR query_canceled THEN
                RAISE;
            WHEN OTHERS THEN
                RAISE WARNING 'usage_ingest.start_quota_periods: subscription %: % (%)',
                    due->>'id', SQLERRM, SQLSTATE;
        END;
    END LOOP;
    RETURN started;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.start_quota_periods(UUID[], BIGINT) FROM PUBLIC;

-- LiteMaaS sets reset_at; the seed leaves it NULL. The first period then ends with the calendar's.
CREATE OR REPLACE FUNCTION usage_ingest.plan_quota_periods()
RETURNS BIGINT
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
    planned BIGINT;
BEGIN
    UPDATE public.subscriptions AS s
       SET reset_at = CASE lower(btrim(s.budget_duration))
               WHEN 'hourly' THEN date_trunc('hour', now()) + interval '1 hour'
               WHEN 'weekly' THEN date_trunc('week', now()) + interval '7 days'
               WHEN 'monthly' THEN date_trunc('month', now()) + interval '1 month'
               WHEN 'yearly' THEN date_trunc('year', now()) + interval '1 year'
               ELSE date_trunc('day', now()) + usage_ingest.period_length(s.budget_duration) END
     WHERE s.id IN (SELECT p.id FROM public.subscriptions AS p
                     WHERE p.reset_at IS NULL
                       AND usage_ingest.has_periods(p.status::text, p.budget_duration::text)
                     ORDER BY p.id LIMIT 1000 FOR NO KEY UPDATE SKIP LOCKED);
    GET DIAGNOSTICS planned = ROW_COUNT;
    RETURN planned;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.plan_quota_periods() FROM PUBLIC;

-- Of these subscriptions: when the present period began, if that was after `oldest`, and whether its
-- end is over. CASE asks for the duration only when reset_at is over: NULL AND f() would call f(),
-- which costs 65 us a subscription (pg_stat_statements, bench/run --only default).
CREATE OR REPLACE FUNCTION usage_ingest.quota_periods_of(
    wanted UUID[], oldest TIMESTAMP WITH TIME ZONE)
RETURNS TABLE (subscription_id UUID, started_at TIMESTAMP WITH TIME ZONE, is_due BIGINT)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.id, p.started_at, coalesce(due.is_due, false)::int::int8
      FROM unnest(wanted) AS w(id)
      JOIN public.subscriptions AS s ON s.id = w.id
      LEFT JOIN usage_ingest.quota_periods AS p ON p.subscription_id = s.id
     CROSS JOIN LATERAL (
           SELECT CASE WHEN s.reset_at <= clock_timestamp()
                  THEN usage_ingest.has_periods(s.status::text, s.budget_duration::text)
                  ELSE false END) AS due(is_due)
     WHERE due.is_due OR p.started_at > oldest;
$$;
REVOKE ALL ON FUNCTION usage_ingest.quota_periods_of(UUID[], TIMESTAMP WITH TIME ZONE) FROM PUBLIC;

-- A threshold of a quota is reached: once a period an audit row and a notification. Returns 1 if it
-- is the first time. An audit table of another shape must not stop ingestion.
CREATE OR REPLACE FUNCTION usage_ingest.warn_of_quota(wanted UUID, resource TEXT, percent BIGINT)
RETURNS BIGINT
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
    subscription JSONB;
    warning CONSTANT JSONB := jsonb_build_object('resource', resource, 'percent', percent);
BEGIN
    INSERT INTO usage_ingest.quota_warnings (subscription_id, resource, percent)
    VALUES (wanted, resource, percent) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT to_jsonb(s) INTO subscription FROM public.subscriptions AS s WHERE s.id = wanted;
    BEGIN
        PERFORM usage_ingest.write_audit(subscription, 'subscription.quota_warning', NULL, NULL,
                                         warning);
    EXCEPTION WHEN data_exception OR integrity_constraint_violation
                OR syntax_error_or_access_rule_violation THEN
        RAISE WARNING 'usage_ingest.warn_of_quota: % (%)', SQLERRM, SQLSTATE;
    END;
    PERFORM pg_notify('usage_ingest_quota_warning',
                      (jsonb_build_object('subscription_id', wanted) || warning)::text);
    RETURN 1;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.warn_of_quota(UUID, TEXT, BIGINT) FROM PUBLIC;
