-- Holds the rows that a batch's usage_logs will refer to, before they are written, and says which of
-- them are gone. SECURITY DEFINER, because FOR KEY SHARE needs the UPDATE privilege; the locks last
-- until the caller's transaction ends.
-- Mode: transaction
-- Locks: none
-- Time: milliseconds
-- Reversible: DROP FUNCTION
CREATE OR REPLACE FUNCTION usage_ingest.lock_parents(
    subscription_ids UUID[], api_key_ids UUID[], team_ids UUID[])
RETURNS TABLE (kind TEXT, id UUID)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held UUID[];
BEGIN
    -- Each array is read to its end before anything is returned, so all locks are taken. A row that
    -- is being deleted is waited for; ORDER BY sorts before FOR KEY SHARE locks.
    held := ARRAY(SELECT s.id FROM public.subscriptions AS s WHERE s.id = ANY (subscription_ids)
                   ORDER BY s.id FOR KEY SHARE);
    RETURN QUERY SELECT 'subscription', gone FROM (
        SELECT unnest(subscription_ids) EXCEPT SELECT unnest(held)) AS missing(gone);

    held := ARRAY(SELECT k.id FROM public.api_keys AS k WHERE k.id = ANY (api_key_ids)
                   ORDER BY k.id FOR KEY SHARE);
    RETURN QUERY SELECT 'api_key', gone FROM (
        SELECT unnest(api_key_ids) EXCEPT SELECT unnest(held)) AS missing(gone);

    held := ARRAY(SELECT t.id FROM public.teams AS t WHERE t.id = ANY (team_ids)
                   ORDER BY t.id FOR KEY SHARE);
    RETURN QUERY SELECT 'team', gone FROM (
        SELECT unnest(team_ids) EXCEPT SELECT unnest(held)) AS missing(gone);
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.lock_parents(UUID[], UUID[], UUID[]) FROM PUBLIC;
