-- Quotas: what suspends a subscription in mode "active-only", what is stored about each suspension,
-- how a suspension is lifted, and which calls a gateway must refuse. The mode is the argument of
-- trigger usage_ingest_quota; the end of migrate sets it as quotas.enforce says.
-- Mode: transaction
-- Locks: SHARE ROW EXCLUSIVE on subscriptions, for milliseconds
-- Time: milliseconds
-- Reversible: DROP TRIGGER (ACCESS EXCLUSIVE), DROP FUNCTION, DROP TABLE

-- No foreign key: TRUNCATE users CASCADE by LiteMaaS' role must not need a right on this table.
CREATE TABLE IF NOT EXISTS usage_ingest.suspensions (
    subscription_id UUID PRIMARY KEY,
    status_before TEXT,
    status_columns JSONB NOT NULL,
    suspended_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE usage_ingest.suspensions IS
    'subscriptions that a quota suspended and whose status did not change since';
COMMENT ON COLUMN usage_ingest.suspensions.status_columns IS
    'all columns status* of the row when it was suspended; another value means a later decision';

-- Runs for each counter update with the privileges of the caller, so it only reads and sets columns.
-- It names no column in a WHEN clause: LiteMaaS could not change the type of such a column.
CREATE OR REPLACE FUNCTION usage_ingest.enforce_quota()
RETURNS TRIGGER
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.used_requests IS NOT DISTINCT FROM OLD.used_requests
       AND NEW.used_tokens IS NOT DISTINCT FROM OLD.used_tokens THEN
        RETURN NEW;
    END IF;
    -- LiteMaaS' administrators create subscriptions with quotas 0 and 0: 0 is no limit, like NULL.
    IF TG_ARGV[0] = 'active-only' AND OLD.status::text = 'active' AND NEW.status::text = 'active'
       AND ((NEW.quota_requests > 0 AND NEW.used_requests > NEW.quota_requests)
            OR (NEW.quota_tokens > 0 AND NEW.used_tokens > NEW.quota_tokens)) THEN
        NEW.status := 'suspended';
    END IF;
    -- Also after the seed's trigger. A table without these columns stays as it is.
    IF NEW.status::text = 'suspended' AND OLD.status::text IS DISTINCT FROM 'suspended'
       AND (NEW.used_requests > NEW.quota_requests OR NEW.used_tokens > NEW.quota_tokens) THEN
        NEW := jsonb_populate_record(NEW, jsonb_build_object(
            'status_reason', 'quota exceeded', 'status_changed_at', clock_timestamp(),
            'status_changed_by', NULL));
    END IF;
    RETURN NEW;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.enforce_quota() FROM PUBLIC;

CREATE OR REPLACE FUNCTION usage_ingest.status_columns(subscription JSONB)
RETURNS JSONB
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT jsonb_object_agg(key, value) FROM jsonb_each(subscription) WHERE key LIKE 'status%';
$$;
REVOKE ALL ON FUNCTION usage_ingest.status_columns(JSONB) FROM PUBLIC;

-- The audit row of a subscription. The table is LiteMaaS', whose releases differ, so what exists is
-- looked up for each row. They have old_values in audit_logs and write SUBSCRIPTION; the seed has
-- neither. The counters are added to the metadata.
CREATE OR REPLACE FUNCTION usage_ingest.write_audit(
    subscription JSONB, action TEXT, old_values JSONB, new_values JSONB, metadata JSONB)
RETURNS VOID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    details CONSTANT JSONB := jsonb_build_object(
        'used_requests', subscription->'used_requests',
        'quota_requests', subscription->'quota_requests',
        'used_tokens', subscription->'used_tokens', 'quota_tokens', subscription->'quota_tokens')
        || metadata;
    is_release CONSTANT BOOLEAN := 2 = (
        SELECT count(*) FROM pg_attribute
         WHERE attrelid = to_regclass('public.audit_logs') AND NOT attisdropped
           AND attname IN ('old_values', 'new_values'));
BEGIN
    IF is_release THEN
        EXECUTE 'INSERT INTO public.audit_logs (user_id, action, resource_type, resource_id, '
                'old_values, new_values, metadata) VALUES ($1, $2, ''SUBSCRIPTION'', $3, $4, $5, $6)'
          USING (subscription->>'user_id')::uuid, action, subscription->>'id', old_values,
                new_values, details;
    ELSE
        INSERT INTO public.audit_logs (user_id, action, resource_type, resource_id, metadata)
        VALUES ((subscription->>'user_id')::uuid, action, 'subscription', subscription->>'id',
                details);
    END IF;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.write_audit(JSONB, TEXT, JSONB, JSONB, JSONB) FROM PUBLIC;

-- The audit row, and the row of LiteMaaS' history if there is one.
CREATE OR REPLACE FUNCTION usage_ingest.record_status_change(
    subscription JSONB, old_status TEXT, action TEXT, reason TEXT)
RETURNS VOID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    subscription_id CONSTANT UUID := subscription->>'id';
    new_status CONSTANT TEXT := subscription->>'status';
BEGIN
    PERFORM usage_ingest.write_audit(
        subscription, action, jsonb_build_object('status', old_status),
        jsonb_build_object('status', new_status, 'status_reason', reason), '{}');
    IF to_regclass('public.subscription_status_history') IS NULL THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE 'INSERT INTO public.subscription_status_history (subscription_id, old_status, '
                'new_status, reason) VALUES ($1, $2, $3, $4)'
          USING subscription_id, old_status, new_status, reason;
    -- A history of another shape must not stop ingestion.
    EXCEPTION WHEN data_exception OR integrity_constraint_violation
                OR syntax_error_or_access_rule_violation THEN
        RAISE WARNING 'usage_ingest.record_status_change: % (%)', SQLERRM, SQLSTATE;
    END;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.record_status_change(JSONB, TEXT, TEXT, TEXT) FROM PUBLIC;

-- Once a statement, after all triggers that change rows. SECURITY DEFINER, because the writers of
-- subscriptions have no right on our schema.
CREATE OR REPLACE FUNCTION usage_ingest.watch_status()
RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
    change RECORD;
BEGIN
    FOR change IN
        SELECT n.id, o.status::text AS old_status, n.status::text AS new_status,
               to_jsonb(n) AS subscription,
               (n.used_requests IS DISTINCT FROM o.used_requests
                OR n.used_tokens IS DISTINCT FROM o.used_tokens)
               AND (n.used_requests > n.quota_requests OR n.used_tokens > n.quota_tokens)
                   AS is_by_quota
          FROM old_rows AS o JOIN new_rows AS n ON n.id = o.id
         WHERE n.status::text IS DISTINCT FROM o.status::text
         ORDER BY n.id
    LOOP
        BEGIN
            IF change.old_status = 'suspended' THEN
                DELETE FROM usage_ingest.suspensions WHERE subscription_id = change.id;
            ELSIF change.new_status = 'suspended' AND change.is_by_quota THEN
                INSERT INTO usage_ingest.suspensions AS s
                    (subscription_id, status_before, status_columns)
                VALUES (change.id, change.old_status,
                        usage_ingest.status_columns(change.subscription))
                ON CONFLICT (subscription_id) DO UPDATE
                SET status_before = EXCLUDED.status_before,
                    status_columns = EXCLUDED.status_columns,
                    suspended_at = EXCLUDED.suspended_at;
                PERFORM usage_ingest.record_status_change(
                    change.subscription, change.old_status, 'subscription.suspended',
                    'quota exceeded');
                PERFORM pg_notify('usage_ingest_suspended', change.id::text);
            END IF;
        EXCEPTION WHEN OTHERS THEN
            -- The daemon repeats its transaction; a statement of LiteMaaS must not fail.
            IF current_setting('usage_ingest.aggregating', true) = 'on' THEN
                RAISE;
            END IF;
            RAISE WARNING 'usage_ingest.watch_status: % (%)', SQLERRM, SQLSTATE;
        END;
    END LOOP;
    RETURN NULL;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.watch_status() FROM PUBLIC;

-- Takes back a suspension that a quota caused, unless the status was changed since. Returns 'lifted',
-- or why not.
CREATE OR REPLACE FUNCTION usage_ingest.lift_suspension(
    wanted UUID, reason TEXT DEFAULT 'suspension by quota lifted')
RETURNS TEXT
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
    subscription JSONB;
    suspension usage_ingest.suspensions;
    assignments TEXT;
BEGIN
    SELECT to_jsonb(s) INTO subscription FROM public.subscriptions AS s WHERE s.id = wanted
       FOR NO KEY UPDATE;
    IF subscription IS NULL THEN
        RETURN 'no such subscription';
    END IF;
    SELECT * INTO suspension FROM usage_ingest.suspensions AS own WHERE own.subscription_id = wanted;
    IF suspension.subscription_id IS NULL THEN
        RETURN 'not suspended by a quota';
    END IF;
    IF usage_ingest.status_columns(subscription) <> suspension.status_columns THEN
        RETURN 'its status was changed since';
    END IF;
    SELECT string_agg(format(', %I = %s', a.attname, optional.value), '') INTO assignments
      FROM (VALUES ('status_reason', '$2'), ('status_changed_at', 'clock_timestamp()'),
                   ('status_changed_by', 'NULL')) AS optional(name, value)
      JOIN pg_attribute AS a
        ON a.attrelid = 'public.subscriptions'::regclass AND a.attname = optional.name
       AND NOT a.attisdropped;
    BEGIN
        EXECUTE format('UPDATE public.subscriptions SET status = %L%s WHERE id = $1',
                       suspension.status_before, assignments)
          USING wanted, reason;
    EXCEPTION WHEN unique_violation THEN
        RETURN 'the user has another active subscription of the model';
    END;
    PERFORM usage_ingest.record_status_change(
        subscription || jsonb_build_object('status', suspension.status_before), 'suspended',
        'subscription.resumed', reason);
    PERFORM pg_notify('usage_ingest_resumed', wanted::text);
    RETURN 'lifted';
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.lift_suspension(UUID, TEXT) FROM PUBLIC;

-- Whether lift_suspension() would lift it now.
CREATE OR REPLACE FUNCTION usage_ingest.is_liftable(wanted UUID)
RETURNS BOOLEAN
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
    SELECT usage_ingest.status_columns(to_jsonb(s)) = own.status_columns
      FROM usage_ingest.suspensions AS own JOIN public.subscriptions AS s ON s.id = wanted
     WHERE own.subscription_id = wanted;
$$;
REVOKE ALL ON FUNCTION usage_ingest.is_liftable(UUID) FROM PUBLIC;

-- The calls that a gateway must refuse: those of a model by these keys, and by this user with a key
-- that is not known. The same rule as attribution (docs/events.md, "Whose usage it is"), from the
-- side of suspended subscriptions: of all (NULL), or of the users of the named ones. A row without
-- user_id is of keys that name the subscription themselves. Only a SpendLogs row has the hash of a
-- hash, a call has not.
CREATE OR REPLACE FUNCTION usage_ingest.suspended_calls(changed UUID[])
RETURNS TABLE (subscription_id UUID, model_id TEXT, user_id UUID, key_hashes TEXT[], reason TEXT,
               resumes_at TIMESTAMP WITH TIME ZONE)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    users UUID[];
BEGIN
    IF changed IS NULL THEN
        users := ARRAY(SELECT DISTINCT s.user_id FROM public.subscriptions AS s
                        WHERE s.status::text = 'suspended');
    ELSE
        users := ARRAY(SELECT DISTINCT s.user_id FROM public.subscriptions AS s
                        WHERE s.id = ANY (changed));
    END IF;
    RETURN QUERY
    WITH own AS (
        SELECT DISTINCT ON (s.user_id, s.model_id) s.id, s.user_id, s.status
          FROM public.subscriptions AS s WHERE s.user_id = ANY (users)
         ORDER BY s.user_id, s.model_id, s.status::text = 'active' DESC,
                  s.status::text = 'suspended' DESC, s.created_at DESC NULLS LAST, s.id
    ), candidates AS (
        SELECT a.id, a.key_hash::text FROM public.api_keys AS a WHERE a.user_id = ANY (users)
        UNION
        SELECT a.id, a.key_hash::text FROM public.api_keys AS a
          JOIN public.subscriptions AS s ON s.id = a.subscription_id
         WHERE s.user_id = ANY (users) AND s.status::text = 'suspended'
    ), hashes AS (
        SELECT c.key_hash FROM candidates AS c
        UNION
        SELECT h.key_hash FROM usage_ingest.key_history AS h
          JOIN candidates AS c ON c.id = h.api_key_id
         WHERE h.kind IN ('key_hash', 'value_sha256')
    ), keys AS (
        SELECT hashes.key_hash, k.user_id, k.subscription_id
          FROM hashes CROSS JOIN LATERAL (
            SELECT a.user_id, a.subscription_id
              FROM (SELECT h.api_key_id, h.kind, h.first_seen_at
                      FROM usage_ingest.key_history AS h WHERE h.key_hash = hashes.key_hash
                     UNION ALL
                    SELECT present.id, 'key_hash', NULL FROM public.api_keys AS present
                     WHERE present.key_hash::text = hashes.key_hash) AS h
              JOIN public.api_keys AS a ON a.id = h.api_key_id
             ORDER BY hashes.key_hash IN (lower(a.key_hash), encode(sha256(convert_to(
                          lower(a.key_hash), 'UTF8')), 'hex')) DESC,
                      h.kind LIKE 'key_hash%' DESC, h.first_seen_at DESC NULLS LAST, a.id
             LIMIT 1) AS k
    ), calls AS (
        SELECT o.id, o.user_id, k.key_hash
          FROM own AS o LEFT JOIN keys AS k ON k.user_id = o.user_id
         WHERE o.status::text = 'suspended'
        UNION ALL
        SELECT s.id, NULL, k.key_hash
          FROM keys AS k JOIN public.subscriptions AS s ON s.id = k.subscription_id
         WHERE s.status::text = 'suspended'
           AND NOT EXISTS (SELECT FROM public.subscriptions AS n
                            WHERE n.user_id = k.user_id AND n.model_id = s.model_id)
    ), grouped AS (
        SELECT c.id, c.user_id,
               coalesce(array_agg(c.key_hash) FILTER (WHERE c.key_hash IS NOT NULL), '{}') AS hashes
          FROM calls AS c GROUP BY c.id, c.user_id
    ), periods AS (
        SELECT d.duration, usage_ingest.has_periods('suspended', d.duration::text) AS has_periods
          FROM (SELECT DISTINCT s.budget_duration AS duration FROM public.subscriptions AS s) AS d
    )
    SELECT s.id, s.model_id::text, g.user_id, g.hashes,
           CASE WHEN by_quota.yes THEN 'quota exceeded' || coalesce(' (' || nullif(concat_ws(', ',
                    CASE WHEN s.used_requests > s.quota_requests THEN
                        format('%s of %s requests used', s.used_requests, s.quota_requests) END,
                    CASE WHEN s.used_tokens > s.quota_tokens THEN
                        format('%s of %s tokens used', s.used_tokens, s.quota_tokens) END),
                    '') || ')', '')
                ELSE to_jsonb(s)->>'status_reason' END,
           CASE WHEN by_quota.yes AND d.has_periods AND isfinite(s.reset_at) THEN s.reset_at END
      FROM grouped AS g JOIN public.subscriptions AS s ON s.id = g.id
      LEFT JOIN periods AS d ON d.duration = s.budget_duration
      LEFT JOIN usage_ingest.suspensions AS p ON p.subscription_id = s.id
     CROSS JOIN LATERAL (
           -- As status_columns() has it; a call for each row would take most of the time.
           SELECT p.status_columns IS NOT NULL AND p.status_columns = (
                  SELECT jsonb_object_agg(key, value) FROM jsonb_each(to_jsonb(s))
                   WHERE key LIKE 'status%')) AS by_quota(yes);
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.suspended_calls(UUID[]) FROM PUBLIC;

-- Whether attribution goes by this key: the user that a call names is then not asked for.
CREATE OR REPLACE FUNCTION usage_ingest.is_known_key(hash TEXT)
RETURNS BOOLEAN
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM usage_ingest.key_history AS h
                     JOIN public.api_keys AS a ON a.id = h.api_key_id WHERE h.key_hash = hash)
        OR EXISTS (SELECT FROM public.api_keys AS a WHERE a.key_hash::text = hash);
$$;
REVOKE ALL ON FUNCTION usage_ingest.is_known_key(TEXT) FROM PUBLIC;

-- An existing trigger keeps its mode.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'public.subscriptions'::regclass
                                            AND tgname = 'usage_ingest_quota') THEN
        CREATE TRIGGER usage_ingest_quota BEFORE UPDATE ON public.subscriptions
            FOR EACH ROW EXECUTE FUNCTION usage_ingest.enforce_quota('off');
    END IF;
END
$$;
CREATE OR REPLACE TRIGGER usage_ingest_status AFTER UPDATE ON public.subscriptions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION usage_ingest.watch_status();
