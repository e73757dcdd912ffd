-- Tells the daemon that attribution may have another answer now. Only INSERT, DELETE and the columns
-- that attribution reads: counters are updated all the time, and NOTIFY serialises commits. Names
-- the users whose keys or subscriptions are new: what their dead letters wait for. Of a transaction
-- that changes very many, only that there are many.
-- Mode: plan
-- Locks: SHARE ROW EXCLUSIVE on users, models, teams, subscriptions and api_keys in turn, for
--        milliseconds each
-- Time: milliseconds
-- Reversible: DROP TRIGGER (ACCESS EXCLUSIVE), DROP FUNCTION
WITH wanted(table_name, columns) AS (
    VALUES ('users', 'id'),
           ('models', 'id'),
           ('teams', 'id, litellm_team_id' || CASE WHEN EXISTS (
               SELECT FROM pg_attribute AS a
                WHERE a.attrelid = to_regclass('public.teams')
                  AND a.attname = 'lite_llm_team_id' AND NOT a.attisdropped)
                THEN ', lite_llm_team_id' ELSE '' END),
           ('subscriptions', 'id, user_id, model_id, team_id, status, created_at'),
           ('api_keys', 'id, user_id, subscription_id, team_id, key_hash, lite_llm_key_value')
), steps AS (
    -- Runs inside LiteMaaS' own statements: SECURITY DEFINER, and never raises.
    SELECT '' AS table_name, 'none' AS remark, $sql$
CREATE OR REPLACE FUNCTION usage_ingest.announce_references()
RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM pg_notify('usage_ingest_references', TG_TABLE_NAME);
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'usage_ingest.announce_references: % (%)', SQLERRM, SQLSTATE;
    RETURN NULL;
END;
$body$;
REVOKE ALL ON FUNCTION usage_ingest.announce_references() FROM PUBLIC$sql$ AS statement
    UNION ALL
    SELECT '', 'none', $sql$
CREATE OR REPLACE FUNCTION usage_ingest.announce_user()
RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    users_max CONSTANT INTEGER := 1000;
    users INTEGER := coalesce(nullif(current_setting('usage_ingest.users', true), ''), '0')::integer;
BEGIN
    IF users < users_max THEN
        PERFORM pg_notify('usage_ingest_users', 'user ' || NEW.user_id);
    ELSIF users = users_max THEN
        PERFORM pg_notify('usage_ingest_users', 'many users');
    END IF;
    IF users <= users_max THEN
        PERFORM set_config('usage_ingest.users', (users + 1)::text, true);
    END IF;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'usage_ingest.announce_user: % (%)', SQLERRM, SQLSTATE;
    RETURN NULL;
END;
$body$;
REVOKE ALL ON FUNCTION usage_ingest.announce_user() FROM PUBLIC$sql$
    UNION ALL
    SELECT table_name, 'SHARE ROW EXCLUSIVE on ' || table_name || ', milliseconds',
           format('CREATE OR REPLACE TRIGGER usage_ingest_announce '
                  'AFTER INSERT OR DELETE OR UPDATE OF %s ON public.%I '
                  'FOR EACH STATEMENT EXECUTE FUNCTION usage_ingest.announce_references()',
                  columns, table_name)
      FROM wanted
    UNION ALL
    SELECT table_name, 'SHARE ROW EXCLUSIVE on ' || table_name || ', milliseconds',
           format('CREATE OR REPLACE TRIGGER usage_ingest_announce_user '
                  'AFTER INSERT OR UPDATE OF %s ON public.%I '
                  'FOR EACH ROW EXECUTE FUNCTION usage_ingest.announce_user()',
                  columns, table_name)
      FROM (VALUES ('subscriptions', 'user_id, model_id'),
                   ('api_keys', 'user_id, subscription_id, key_hash, lite_llm_key_value'))
        AS naming(table_name, columns)
)
SELECT 'run' AS kind, statement, remark FROM steps ORDER BY table_name;
