-- The seed's views: active_subscriptions in its second version, as LATERAL (the seed's subquery
-- refers to its neighbour), counting each active key of the subscription's own user once.
-- Mode: transaction
-- Locks: ACCESS EXCLUSIVE on a view that is there
-- Time: milliseconds
-- Reversible: DROP VIEW
CREATE OR REPLACE VIEW active_subscriptions AS
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
    AND (s.expires_at IS NULL OR s.expires_at > CURRENT_TIMESTAMP);

CREATE OR REPLACE VIEW usage_statistics AS
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
GROUP BY s.user_id, s.model_id, date_trunc('day', ul.created_at);

CREATE OR REPLACE VIEW api_keys_with_models AS
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
         ak.is_active, ak.created_at, ak.last_used_at, ak.expires_at, ak.metadata;
