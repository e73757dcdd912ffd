-- The team that LiteMaaS puts every user in. An empty allowed_models enables all models; the column is
-- jsonb in the seed and text[] in releases of LiteMaaS, so the literal follows its type.
-- Mode: transaction
-- Locks: none but the new row's
-- Time: milliseconds
-- Reversible: DELETE of that row
DO $$
BEGIN
    IF EXISTS (SELECT FROM public.teams WHERE id = 'a0000000-0000-4000-8000-000000000001') THEN
        RETURN;
    END IF;
    EXECUTE format(
        'INSERT INTO public.teams (id, name, alias, description, max_budget, current_spend, '
        'budget_duration, tpm_limit, rpm_limit, allowed_models, metadata, is_active, created_at, '
        'updated_at) VALUES (''a0000000-0000-4000-8000-000000000001'', ''Default Team'', '
        '''default-team'', ''Default team for all users until team management is implemented'', '
        '10000.00, 0, ''monthly'', 50000, 1000, %L, '
        '''{"auto_created": true, "default_team": true, "created_by": "system"}'', true, now(), '
        'now()) ON CONFLICT DO NOTHING',
        CASE (SELECT atttypid FROM pg_attribute
               WHERE attrelid = 'public.teams'::regclass AND attname = 'allowed_models')
            WHEN 'text[]'::regtype THEN '{}'
            WHEN 'character varying[]'::regtype THEN '{}'
            ELSE '[]'
        END);
END
$$;
