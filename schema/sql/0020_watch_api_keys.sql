-- Remembers every hash that a key ever had, so that a late event of a rotated key finds it. As it
-- runs inside LiteMaaS' own statements it is SECURITY DEFINER (that role has no right on our schema)
-- and never raises: an event that is not attributed heals later, a refused key rotation does not.
-- Mode: transaction
-- Locks: SHARE ROW EXCLUSIVE on api_keys, for milliseconds
-- Time: milliseconds
-- Reversible: DROP TRIGGER (ACCESS EXCLUSIVE), DROP FUNCTION of both

-- The hashes by which events name a key. LiteLLM's callback has the SHA-256 of the key. In
-- LiteLLM_SpendLogs the column api_key can have the SHA-256 of that hash.
CREATE OR REPLACE FUNCTION usage_ingest.key_hashes(key_hash TEXT, key_value TEXT)
RETURNS TABLE (hash TEXT, kind TEXT)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH once(hash, kind) AS (
        VALUES (lower(key_hash), 'key_hash'),
               (encode(sha256(convert_to(NULLIF(key_value, ''), 'UTF8')), 'hex'), 'value_sha256')
    )
    SELECT o.hash, o.kind FROM once AS o WHERE o.hash <> ''
    UNION ALL
    SELECT encode(sha256(convert_to(o.hash, 'UTF8')), 'hex'), o.kind || '_sha256'
      FROM once AS o WHERE o.hash <> '';
$$;
REVOKE ALL ON FUNCTION usage_ingest.key_hashes(TEXT, TEXT) FROM PUBLIC;

CREATE OR REPLACE FUNCTION usage_ingest.remember_key()
RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO usage_ingest.key_history (key_hash, kind, api_key_id)
    SELECT seen.hash, seen.kind, NEW.id
      FROM usage_ingest.key_hashes(NEW.key_hash, NEW.lite_llm_key_value) AS seen
    ON CONFLICT DO NOTHING;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'usage_ingest.remember_key: % (%)', SQLERRM, SQLSTATE;
    RETURN NULL;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.remember_key() FROM PUBLIC;

CREATE OR REPLACE TRIGGER usage_ingest_remember_key
    AFTER INSERT OR UPDATE OF key_hash, lite_llm_key_value ON api_keys
    FOR EACH ROW EXECUTE FUNCTION usage_ingest.remember_key();
