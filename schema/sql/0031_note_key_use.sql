-- When each key was used last, which LiteMaaS shows and only writes for calls to itself.
-- Mode: transaction
-- Locks: none
-- Time: milliseconds
-- Reversible: DROP FUNCTION

-- A key that another transaction changes is left to its next use: the lane holds the turn of all lanes.
-- Never backwards: a late event, or a replay, tells nothing new. SECURITY DEFINER, because the daemon's
-- role may not change keys. A table of another shape must not stop ingestion.
CREATE OR REPLACE FUNCTION usage_ingest.note_key_use(
    api_key_ids UUID[], used_at TIMESTAMP WITH TIME ZONE[])
RETURNS VOID
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
BEGIN
    WITH used AS (
        SELECT u.id, least(u.at, now()) AS at FROM unnest(api_key_ids, used_at) AS u(id, at)
    ), later AS MATERIALIZED (
        SELECT k.id, used.at FROM public.api_keys AS k JOIN used ON used.id = k.id
         WHERE k.last_used_at IS NULL OR k.last_used_at < used.at
         ORDER BY k.id FOR NO KEY UPDATE OF k SKIP LOCKED
    )
    UPDATE public.api_keys AS k SET last_used_at = later.at FROM later
     WHERE k.id = later.id AND (k.last_used_at IS NULL OR k.last_used_at < later.at);
EXCEPTION
    WHEN undefined_column THEN
        NULL;  -- no column, nothing to show
    WHEN lock_not_available OR deadlock_detected OR serialization_failure OR query_canceled THEN
        RAISE;
    WHEN OTHERS THEN
        RAISE WARNING 'usage_ingest.note_key_use: % (%)', SQLERRM, SQLSTATE;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.note_key_use(UUID[], TIMESTAMPTZ[]) FROM PUBLIC;
