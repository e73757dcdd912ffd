-- The seed's views: active_subscriptions in its second version, as LATERAL (the seed's subquery
-- refers to its neighbour), counting each active key of the subscription's own user once.
--
-- CREATE OR REPLACE cannot move a column, and "s.*" does when subscriptions got one after the view
-- was made: then the view is made anew, with its grants. One that others depend on stays.
-- Mode: transaction
-- Locks: ACCESS EXCLUSIVE on a view that is there
-- Time: milliseconds
-- Reversible: DROP VIEW
DO $views$
DECLARE
    wanted RECORD;
    statement TEXT;
    grants TEXT[];
    -- LiteMaaS works as this role, so its views belong to it.
    owner OID := (SELECT relowner FROM pg_class WHERE oid = 'public.subscriptions'::regclass);
BEGIN
    FOR wanted IN SELECT * FROM (VALUES
('active_subscriptions', $view$
SELECT
    s.*,
    u.username,
    u.email,
    m.name AS model_name,
    m.provider,
    (s.quota_requests - s.used_requests) AS remaining_requests,
    (s.quota_tokens - s.used_tokens) AS remaining_tokens,
    keys.count AS total_api_keys
FROM subscriptions s
JOIN users u ON s.user_id = u.id
JOIN models m ON s.model_id = m.id
CROSS JOIN LATERAL (
    SELECT COUNT(*) AS count
    FROM api_keys ak
    WHERE ak.user_id = s.user_id
        AND ak.is_active = true
        AND (ak.subscription_id = s.id
             OR EXISTS (SELECT FROM api_key_models akm
                        WHERE akm.api_key_id = ak.id AND akm.model_id = s.model_id))
) keys
WHERE s.status = 'active'
    AND (s.expires_at IS NULL OR s.expires_at > CURRENT_TIMESTAMP)
$view$),
('usage_statistics', $view$
SELECT
    s.user_id,
    s.model_id,
    date_trunc('day', ul.created_at) AS usage_date,
    COUNT(*) AS request_count,
    SUM(ul.total_tokens) AS total_tokens,
    AVG(ul.latency_ms) AS avg_latency_ms,
    SUM(CASE WHEN ul.status_code >= 400 THEN 1 ELSE 0 END) AS error_count
FROM usage_logs ul
JOIN subscriptions s ON ul.subscription_id = s.id
GROUP BY s.user_id, s.model_id, date_trunc('day', ul.created_at)
$view$),
('api_keys_with_models', $view$
SELECT
    ak.id,
    ak.user_id,
    ak.name,
    ak.key_prefix,
    ak.subscription_id,  -- legacy
    ak.is_active,
    ak.created_at,
    ak.last_used_at,
    ak.expires_at,
    ak.metadata,
    ARRAY_AGG(akm.model_id ORDER BY akm.created_at) AS model_ids,
    ARRAY_AGG(m.name ORDER BY akm.created_at) AS model_names,
    ARRAY_AGG(m.provider ORDER BY akm.created_at) AS model_providers,
    COUNT(akm.model_id) AS model_count
FROM api_keys ak
LEFT JOIN api_key_models akm ON ak.id = akm.api_key_id
LEFT JOIN models m ON akm.model_id = m.id
GROUP BY ak.id, ak.user_id, ak.name, ak.key_prefix, ak.subscription_id,
         ak.is_active, ak.created_at, ak.last_used_at, ak.expires_at, ak.metadata
$view$)
    ) AS views(name, definition) LOOP
        BEGIN
            EXECUTE format('CREATE OR REPLACE VIEW public.%I AS %s', wanted.name,
                           wanted.definition);
        EXCEPTION WHEN invalid_table_definition THEN
            grants := ARRAY(
                SELECT format('GRANT %s ON public.%I TO %s', acl.privilege_type, wanted.name,
                              CASE acl.grantee WHEN 0 THEN 'PUBLIC'
                                   ELSE quote_ident(pg_get_userbyid(acl.grantee)) END)
                  FROM pg_class AS c, aclexplode(c.relacl) AS acl
                 WHERE c.oid = to_regclass('public.' || wanted.name)
                   AND acl.grantee <> c.relowner);
            BEGIN
                EXECUTE format('DROP VIEW public.%I', wanted.name);
                EXECUTE format('CREATE VIEW public.%I AS %s', wanted.name, wanted.definition);
                FOREACH statement IN ARRAY grants LOOP
                    EXECUTE statement;
                END LOOP;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                RAISE WARNING 'view % stays as it is: its columns moved, and others read it',
                    wanted.name;
            END;
        WHEN undefined_column OR wrong_object_type THEN
            RAISE WARNING 'view % was not made: %', wanted.name, SQLERRM;
        END;
        IF owner <> (SELECT relowner FROM pg_class WHERE oid = to_regclass('public.' || wanted.name)
                        AND relowner = current_user::regrole) THEN
            BEGIN
                EXECUTE format('ALTER VIEW public.%I OWNER TO %I', wanted.name,
                               pg_get_userbyid(owner));
            EXCEPTION WHEN insufficient_privilege THEN
                RAISE WARNING 'view % stays yours: %', wanted.name, SQLERRM;
            END;
        END IF;
    END LOOP;
END
$views$;
