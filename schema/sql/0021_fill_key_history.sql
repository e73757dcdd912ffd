-- The hashes of keys that were there before the trigger of 0020. In key order, a thousand keys a
-- transaction; $1 is where the last one ended.
-- Mode: batches
-- Locks: FOR KEY SHARE on a thousand api_keys at a time
-- Time: two seconds for 100,000 keys
-- Reversible: TRUNCATE usage_ingest.key_history
WITH batch AS (
    SELECT k.id, k.key_hash, k.lite_llm_key_value
      FROM public.api_keys AS k
     WHERE k.id > COALESCE($1, '00000000-0000-0000-0000-000000000000')::uuid
     ORDER BY k.id
     LIMIT 1000
), remembered AS (
    INSERT INTO usage_ingest.key_history (key_hash, kind, api_key_id)
    SELECT seen.hash, seen.kind, b.id
      FROM batch AS b,
           LATERAL usage_ingest.key_hashes(b.key_hash, b.lite_llm_key_value) AS seen
     ORDER BY b.id
    ON CONFLICT DO NOTHING
)
SELECT id::text FROM batch ORDER BY id DESC LIMIT 1;
