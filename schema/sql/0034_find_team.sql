-- The team that an event names: by its id, or by its id in LiteLLM. LiteMaaS' schema document calls that
-- column litellm_team_id, its releases call it lite_llm_team_id. A release may come after `migrate`, so
-- the second column is looked for when it is needed. A column that is generated from it would make
-- LiteMaaS' restore fail, and a view on it LiteMaaS' own migrations.
-- SECURITY DEFINER, because a grant cannot name a column that is not there yet.
-- Mode: transaction
-- Locks: none
-- Time: milliseconds
-- Reversible: DROP FUNCTION
CREATE OR REPLACE FUNCTION usage_ingest.find_team(wanted_id UUID, litellm_id TEXT)
RETURNS UUID
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found UUID;
BEGIN
    SELECT t.id INTO found FROM public.teams AS t
     WHERE t.id = wanted_id OR t.litellm_team_id = litellm_id
     ORDER BY t.id = wanted_id DESC NULLS LAST, t.id LIMIT 1;
    IF found IS NULL AND litellm_id IS NOT NULL
       AND EXISTS (SELECT FROM pg_attribute AS a
                    WHERE a.attrelid = 'public.teams'::regclass
                      AND a.attname = 'lite_llm_team_id' AND NOT a.attisdropped) THEN
        EXECUTE 'SELECT id FROM public.teams WHERE lite_llm_team_id = $1 ORDER BY id LIMIT 1'
           INTO found USING litellm_id;
    END IF;
    RETURN found;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.find_team(UUID, TEXT) FROM PUBLIC;
