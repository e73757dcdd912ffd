-- Our own schema, the ledger of what was migrated, and how later steps lock several tables.
-- Mode: transaction
-- Locks: none on tables of LiteMaaS
-- Time: milliseconds
-- Reversible: DROP SCHEMA usage_ingest CASCADE, after all later steps were taken back
CREATE SCHEMA IF NOT EXISTS usage_ingest;

CREATE TABLE IF NOT EXISTS usage_ingest.migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,  -- SHA-256 of the file, hex
    applied_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp()
);

-- Later steps create what is missing, so what was there before them is stored now.
CREATE TABLE IF NOT EXISTS usage_ingest.quota_enforcement (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    found TEXT NOT NULL CHECK (found IN ('no table', 'no trigger', 'trigger')),
    chosen TEXT CHECK (chosen IN ('seed', 'active-only', 'off')),  -- NULL: not yet
    reason TEXT,
    chosen_at TIMESTAMP WITH TIME ZONE
);
COMMENT ON TABLE usage_ingest.quota_enforcement IS
    'whether subscriptions had the quota trigger before migrate, and what migrate chose (quotas.enforce)';
INSERT INTO usage_ingest.quota_enforcement (found)
SELECT CASE WHEN to_regclass('public.subscriptions') IS NULL THEN 'no table'
            WHEN EXISTS (SELECT FROM pg_trigger
                          WHERE tgrelid = to_regclass('public.subscriptions')
                            AND tgname = 'enforce_subscription_quota') THEN 'trigger'
            ELSE 'no trigger' END
ON CONFLICT DO NOTHING;

COMMENT ON SCHEMA usage_ingest IS 'usage-ingestd: offsets, dead letters, key history, migrations';
COMMENT ON TABLE usage_ingest.migrations IS 'steps of `usage-ingestd migrate` that are finished';

-- Locks `tables` in the order given; one that is not there is left out. Whoever waits for a lock makes
-- everybody queue behind him at every table that he has already, so all of them together may take no
-- longer than lock_timeout allows for one; several calls share it by the same `deadline`.
CREATE OR REPLACE FUNCTION usage_ingest.lock_tables(
    mode TEXT, tables TEXT[], deadline TIMESTAMP WITH TIME ZONE DEFAULT NULL)
RETURNS VOID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    patience CONSTANT TEXT := current_setting('lock_timeout');
    give_up CONSTANT TIMESTAMP WITH TIME ZONE :=
        COALESCE(deadline, clock_timestamp() + patience::interval);
    name TEXT;
BEGIN
    FOREACH name IN ARRAY tables LOOP
        CONTINUE WHEN to_regclass(name) IS NULL;
        IF patience <> '0' THEN  -- 0 is no limit, and 1 ms the least that can be set
            PERFORM set_config('lock_timeout', greatest(
                1, ceil(1000 * extract(epoch FROM give_up - clock_timestamp())))::text, true);
        END IF;
        EXECUTE format('LOCK TABLE %s IN %s MODE', to_regclass(name), mode);
    END LOOP;
    PERFORM set_config('lock_timeout', patience, true);
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.lock_tables(TEXT, TEXT[], TIMESTAMPTZ) FROM PUBLIC;
