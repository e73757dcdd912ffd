-- Fills LiteMaaS' daily_usage_cache, which its analytics pages read, from usage_logs: a document for each
-- UTC day. The daemon calls it when litemaas.daily_usage_cache is "on".
-- Mode: transaction
-- Locks: none
-- Time: milliseconds
-- Reversible: DROP FUNCTION; LiteMaaS fills days that are deleted from its table by itself

-- The names are those of LiteLLM's answers.
CREATE OR REPLACE FUNCTION usage_ingest.usage_metrics(
    requests BIGINT, failed BIGINT, prompt_tokens BIGINT, completion_tokens BIGINT, cost NUMERIC)
RETURNS JSONB
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_build_object(
        'api_requests', COALESCE(requests, 0),
        'successful_requests', COALESCE(requests - failed, 0),
        'failed_requests', COALESCE(failed, 0),
        'prompt_tokens', COALESCE(prompt_tokens, 0),
        'completion_tokens', COALESCE(completion_tokens, 0),
        'total_tokens', COALESCE(prompt_tokens + completion_tokens, 0),
        'spend', COALESCE(cost, 0));
$$;
REVOKE ALL ON FUNCTION usage_ingest.usage_metrics(BIGINT, BIGINT, BIGINT, BIGINT, NUMERIC)
    FROM PUBLIC;

-- The usage of a day in the columns of daily_usage_cache. PL/pgSQL, because Citus knows no parameters in
-- functions of language SQL.
CREATE OR REPLACE FUNCTION usage_ingest.usage_of_day(day DATE)
RETURNS TABLE (by_user JSONB, by_model JSONB, by_provider JSONB, total JSONB)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
BEGIN
    RETURN QUERY WITH counted AS (
        SELECT l.subscription_id, l.model_id, l.metadata->>'provider' AS provider, l.api_key_id,
               count(*) FILTER (WHERE r.is_request) AS requests,
               count(*) FILTER (WHERE r.is_request AND l.status_code >= 400) AS failed,
               sum(l.request_tokens::bigint)::bigint AS prompt_tokens,
               sum(l.response_tokens::bigint)::bigint AS completion_tokens,
               sum(COALESCE(l.input_cost, 0) + COALESCE(l.output_cost, 0)) AS cost
          FROM public.usage_logs AS l
         -- schema/request_marks.h: such a row is no request of its own.
         CROSS JOIN LATERAL (SELECT (l.metadata ?| ARRAY['billed_retry_attempt',
                                         'internal_call_origin', 'is_silent_experiment'])
                                    IS NOT TRUE) AS r(is_request)
         WHERE l.created_at >= day::timestamp with time zone
           AND l.created_at < (day + 1)::timestamp with time zone
         GROUP BY 1, 2, 3, 4
    ), named AS (
        -- Columns that a release may lack are read through to_jsonb().
        SELECT s.user_id, c.*, COALESCE(NULLIF(c.provider, ''), m.provider, 'unknown') AS provider_name,
               COALESCE(to_jsonb(k)->>'litellm_key_alias', to_jsonb(k)->>'name', 'deleted')
                   AS key_alias,
               COALESCE(to_jsonb(k)->>'name', to_jsonb(k)->>'litellm_key_alias', 'deleted')
                   AS key_name
          FROM counted AS c
          -- Joined to the sums: Citus would send the rows of a join with usage_logs to workers that
          -- lack the types of subscriptions.
          JOIN public.subscriptions AS s ON s.id = c.subscription_id
          LEFT JOIN public.models AS m ON m.id = c.model_id
          LEFT JOIN public.api_keys AS k ON k.id = c.api_key_id
    ), sums AS (
        SELECT user_id, model_id, provider_name, key_alias, min(key_name) AS key_name,
               grouping(user_id, model_id, provider_name, key_alias) AS level,
               usage_ingest.usage_metrics(
                   sum(requests)::bigint, sum(failed)::bigint, sum(prompt_tokens)::bigint,
                   sum(completion_tokens)::bigint, sum(cost)) AS metrics
          FROM named
         GROUP BY GROUPING SETS ((), (user_id), (model_id), (provider_name), (user_id, model_id),
                                 (user_id, model_id, key_alias))
    ), people AS (
        SELECT u.id AS user_id, to_jsonb(u)->>'username' AS username,
               to_jsonb(u)->>'email' AS email,
               CASE WHEN to_jsonb(u)->'roles' ? 'admin' THEN 'admin'
                    ELSE COALESCE(to_jsonb(u)->'roles'->>0, 'user') END AS role
          FROM public.users AS u WHERE u.id IN (SELECT user_id FROM sums)
    ), keys_of_models AS (
        SELECT user_id, model_id,
               jsonb_object_agg(key_alias, jsonb_build_object(
                   'keyAlias', key_alias, 'keyName', key_name, 'metrics', metrics)) AS api_keys
          FROM sums WHERE level = 2  -- (user, model, key)
         GROUP BY 1, 2
    ), models_of_users AS (
        SELECT s.user_id,
               jsonb_object_agg(s.model_id, jsonb_build_object(
                   'modelName', s.model_id, 'metrics', s.metrics, 'api_keys', k.api_keys))
                   AS models
          FROM sums AS s JOIN keys_of_models AS k USING (user_id, model_id)
         WHERE s.level = 3  -- (user, model)
         GROUP BY 1
    ), users_of_models AS (
        SELECT s.model_id,
               jsonb_object_agg(s.user_id, jsonb_build_object(
                   'userId', s.user_id, 'username', p.username, 'email', p.email,
                   'metrics', s.metrics)) AS users
          FROM sums AS s JOIN people AS p USING (user_id) WHERE s.level = 3 GROUP BY 1
    )
    SELECT COALESCE((SELECT jsonb_object_agg(s.user_id, jsonb_build_object(
                                'userId', s.user_id, 'username', p.username, 'email', p.email,
                                'role', p.role, 'metrics', s.metrics, 'models', m.models))
                       FROM sums AS s JOIN people AS p USING (user_id)
                       JOIN models_of_users AS m USING (user_id)
                      WHERE s.level = 7), '{}'),
           COALESCE((SELECT jsonb_object_agg(s.model_id, jsonb_build_object(
                                'metrics', s.metrics, 'users', u.users))
                       FROM sums AS s JOIN users_of_models AS u USING (model_id)
                      WHERE s.level = 11), '{}'),
           COALESCE((SELECT jsonb_object_agg(s.provider_name,
                                             jsonb_build_object('metrics', s.metrics))
                       FROM sums AS s WHERE s.level = 13), '{}'),
           (SELECT s.metrics FROM sums AS s WHERE s.level = 15);
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.usage_of_day(DATE) FROM PUBLIC;

-- A function, because Citus joins a usage_logs that it distributes with no subquery that refers to a local table.
CREATE OR REPLACE FUNCTION usage_ingest.has_usage(
    from_time TIMESTAMP WITH TIME ZONE, to_time TIMESTAMP WITH TIME ZONE)
RETURNS BOOLEAN
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM public.usage_logs AS l
                    WHERE l.created_at >= from_time AND l.created_at < to_time);
END;
$$;

-- Writes the latest day before `before` that is due, and returns it; NULL when none is. A day is due when it
-- is not there or LiteMaaS wrote it, when usage_summaries does not count what it counted then, when it
-- has ended since, and today when LiteMaaS would soon call it out of date (after 5 minutes) and ask
-- LiteLLM. A day without usage of ours stays LiteMaaS', and one that we wrote never gets smaller:
-- rows disappear with their user, and were used all the same.
-- SECURITY DEFINER, because the daemon's role may read no names. One session at a time.
CREATE OR REPLACE FUNCTION usage_ingest.fill_daily_usage_cache(before DATE)
RETURNS DATE
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO, MDY'
AS $$
DECLARE
    today CONSTANT DATE := now()::date;
    -- Releases may have other columns.
    present CONSTANT TEXT[] := ARRAY(
        SELECT a.attname::text FROM pg_attribute AS a
         WHERE a.attrelid = to_regclass('public.daily_usage_cache') AND NOT a.attisdropped);
    cached TEXT;
    columns TEXT;
    contents TEXT;
    assignments TEXT;
    marks TEXT;
    due RECORD;
BEGIN
    IF NOT 'date' = ANY (present)
       OR NOT pg_try_advisory_xact_lock(hashtextextended('usage_ingest.daily_usage_cache', 0)) THEN
        RETURN NULL;
    END IF;
    -- What is read, NULL where there is no such column.
    SELECT string_agg(format('%s AS %I', CASE WHEN r.name = ANY (present) THEN r.expression
                                              ELSE 'NULL::' || r.type END, r.alias), ', ')
      INTO cached
      FROM (VALUES ('raw_data', 'c.raw_data::jsonb->''counted''', 'jsonb', 'counted'),
                   ('is_complete', 'c.is_complete', 'boolean', 'is_complete'),
                   ('updated_at', 'c.updated_at', 'timestamptz', 'updated_at'))
           AS r(name, expression, type, alias);
    -- What is written: $1 is the day, $2 whether it is over, $3 its usage, $4 what was counted.
    SELECT string_agg(quote_ident(w.name), ', '), string_agg(w.content, ', '),
           string_agg(format('%1$I = EXCLUDED.%1$I', w.name), ', '),
           string_agg(format('%I = %s', w.name, w.content), ', ') FILTER (WHERE w.is_mark)
      INTO columns, contents, assignments, marks
      FROM (VALUES ('date', '$1', false),
                   ('is_complete', '$2', true),
                   ('updated_at', 'now()', true),
                   ('raw_data', $json$ jsonb_build_object(
                        'date', $1, 'source', 'usage-ingestd', 'counted', $4, 'metrics', $3->'total',
                        'breakdown', '{"models": {}, "api_keys": {}, "providers": {}}'::jsonb)
                    $json$, false),
                   ('aggregated_by_user', '$3->''by_user''', false),
                   ('aggregated_by_model', '$3->''by_model''', false),
                   ('aggregated_by_provider', '$3->''by_provider''', false),
                   ('total_metrics', '$3->''total''', false)) AS w(name, content, is_mark)
     WHERE w.name = ANY (present);

    EXECUTE format($sql$
        WITH days AS (
            SELECT s.period_start::timestamptz::date AS day, jsonb_build_object(
                       'api_requests', sum(s.request_count), 'total_tokens', sum(s.total_tokens),
                       'spend', sum(s.total_cost)) AS counted
              FROM public.usage_summaries AS s WHERE s.period_type = 'day' GROUP BY 1
        ), cached AS (
            SELECT c.date AS day, %s FROM public.daily_usage_cache AS c
        ), wanted AS (
            SELECT d.day, d.counted FROM days AS d
             WHERE usage_ingest.has_usage(d.day::timestamptz, (d.day + 1)::timestamptz)
               AND NOT EXISTS (SELECT FROM usage_ingest.retired_partitions AS p
                                WHERE d.day >= p.from_time::date AND d.day < p.to_time::date)
            UNION ALL
            SELECT $1, '{"api_requests": 0}' WHERE NOT EXISTS (SELECT FROM days WHERE day = $1)
               AND NOT EXISTS (SELECT FROM cached WHERE day = $1 AND counted IS NULL)
        ), compared AS (
            SELECT w.day, w.counted, c.updated_at,
                   (c.counted @> w.counted) IS NOT TRUE AS differs,
                   c.is_complete IS FALSE AND w.day < $1 AS has_ended,
                   (c.counted->'api_requests' > w.counted->'api_requests') IS TRUE AS is_smaller
              FROM wanted AS w LEFT JOIN cached AS c ON c.day = w.day
        )
        SELECT day, counted, is_smaller FROM compared
         WHERE (day < $2 OR $2 IS NULL)
           AND (has_ended OR (differs AND NOT is_smaller)
                OR (day = $1 AND updated_at < now() - interval '2 minutes'))
         ORDER BY day DESC LIMIT 1 $sql$, cached)
       INTO due USING today, before;
    IF due.day IS NULL THEN
        RETURN NULL;
    ELSIF NOT due.is_smaller THEN
        EXECUTE format('INSERT INTO public.daily_usage_cache (%s) SELECT %s '
                       'ON CONFLICT (date) DO UPDATE SET %s', columns, contents, assignments)
          USING due.day, due.day < today,
                (SELECT to_jsonb(u) FROM usage_ingest.usage_of_day(due.day) AS u), due.counted;
    ELSIF marks IS NOT NULL THEN
        EXECUTE format('UPDATE public.daily_usage_cache SET %s WHERE date = $1', marks)
          USING due.day, due.day < today;
    END IF;
    RETURN due.day;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.fill_daily_usage_cache(DATE) FROM PUBLIC;
