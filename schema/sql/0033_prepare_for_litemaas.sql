-- For a database in which `migrate` came before LiteMaaS. The tables are then as LiteMaaS' schema document
-- has them, and no release starts on those: columns are missing, two have another type, the enum lacks
-- statuses. prepare_for_litemaas() adds what the first start expects; migrate does not call it, because
-- other programs may follow the document.
-- Mode: transaction
-- Locks: none; the function takes ACCESS EXCLUSIVE on LiteMaaS' tables
-- Time: milliseconds
-- Reversible: DROP FUNCTION
CREATE OR REPLACE FUNCTION usage_ingest.prepare_for_litemaas()
RETURNS VOID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    keys_with_models CONSTANT TEXT :=
        pg_get_viewdef(to_regclass('public.api_keys_with_models'));
BEGIN
    IF EXISTS (SELECT FROM public.teams WHERE to_jsonb(allowed_models) NOT IN ('[]', 'null')) THEN
        RAISE EXCEPTION 'teams have allowed_models: change the column to TEXT[] yourself';
    END IF;
    ALTER TABLE public.teams ADD COLUMN IF NOT EXISTS lite_llm_team_id VARCHAR(255);
    -- as 0022_announce_references.sql, with the new column
    CREATE OR REPLACE TRIGGER usage_ingest_announce
        AFTER INSERT OR DELETE OR UPDATE OF id, litellm_team_id, lite_llm_team_id ON public.teams
        FOR EACH STATEMENT EXECUTE FUNCTION usage_ingest.announce_references();
    IF (SELECT atttypid = 'jsonb'::regtype FROM pg_attribute
         WHERE attrelid = 'public.teams'::regclass AND attname = 'allowed_models') THEN
        ALTER TABLE public.teams ALTER COLUMN allowed_models DROP DEFAULT,
            ALTER COLUMN allowed_models TYPE TEXT[] USING '{}';
    END IF;
    ALTER TABLE public.team_members
        ADD COLUMN IF NOT EXISTS added_by UUID REFERENCES public.users (id);
    ALTER TABLE public.models
        ADD COLUMN IF NOT EXISTS category VARCHAR(100),
        ADD COLUMN IF NOT EXISTS input_cost_per_token NUMERIC(15, 10),
        ADD COLUMN IF NOT EXISTS output_cost_per_token NUMERIC(15, 10),
        ADD COLUMN IF NOT EXISTS supports_tool_choice BOOLEAN DEFAULT false,
        ADD COLUMN IF NOT EXISTS supports_parallel_function_calling BOOLEAN DEFAULT false,
        ADD COLUMN IF NOT EXISTS supports_streaming BOOLEAN DEFAULT true,
        ADD COLUMN IF NOT EXISTS features TEXT[],
        ADD COLUMN IF NOT EXISTS availability VARCHAR(50) DEFAULT 'available',
        ADD COLUMN IF NOT EXISTS version VARCHAR(50);
    ALTER TABLE public.subscriptions
        ADD COLUMN IF NOT EXISTS allowed_models TEXT[],
        ADD COLUMN IF NOT EXISTS lite_llm_key_value VARCHAR(255),
        ADD COLUMN IF NOT EXISTS sync_error TEXT;
    ALTER TABLE public.api_keys
        ADD COLUMN IF NOT EXISTS permissions JSONB DEFAULT '{}',
        ADD COLUMN IF NOT EXISTS tags TEXT[],
        ADD COLUMN IF NOT EXISTS sync_error TEXT,
        ADD COLUMN IF NOT EXISTS migration_status VARCHAR(20) DEFAULT 'pending';
    -- PostgreSQL does not change the type of a column that a view reads.
    DROP VIEW IF EXISTS public.api_keys_with_models;
    ALTER TABLE public.api_keys ALTER COLUMN key_prefix TYPE VARCHAR(20);
    IF keys_with_models IS NOT NULL THEN
        EXECUTE 'CREATE VIEW public.api_keys_with_models AS ' || keys_with_models;
    END IF;
    ALTER TABLE public.audit_logs
        ADD COLUMN IF NOT EXISTS old_values JSONB,
        ADD COLUMN IF NOT EXISTS new_values JSONB,
        ADD COLUMN IF NOT EXISTS session_id VARCHAR(255),
        ADD COLUMN IF NOT EXISTS success BOOLEAN DEFAULT true,
        ADD COLUMN IF NOT EXISTS error_message TEXT;
    ALTER TYPE public.subscription_status ADD VALUE IF NOT EXISTS 'denied';
    ALTER TYPE public.subscription_status ADD VALUE IF NOT EXISTS 'inactive';
    -- LiteMaaS has no quota trigger, and a quota of 0 is no limit there: the next migrate sets that.
    UPDATE usage_ingest.quota_enforcement AS q SET found = 'no trigger' WHERE q.found = 'no table';
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.prepare_for_litemaas() FROM PUBLIC;
