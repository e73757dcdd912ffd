-- The seed's triggers on users, models and subscriptions, where there is none of that name. Its quota
-- trigger is created at the end of migrate, if quotas.enforce asks for it.
-- Mode: plan
-- Locks: SHARE ROW EXCLUSIVE on the table, for milliseconds
-- Time: milliseconds
-- Reversible: DROP TRIGGER (ACCESS EXCLUSIVE)
WITH wanted(table_name, trigger_name, definition) AS (
    VALUES
    ('users', 'update_users_updated_at',
     'BEFORE UPDATE ON public.users FOR EACH ROW '
     'EXECUTE FUNCTION public.update_updated_at_column()'),
    ('models', 'update_models_updated_at',
     'BEFORE UPDATE ON public.models FOR EACH ROW '
     'EXECUTE FUNCTION public.update_updated_at_column()'),
    ('subscriptions', 'update_subscriptions_updated_at',
     'BEFORE UPDATE ON public.subscriptions FOR EACH ROW '
     'EXECUTE FUNCTION public.update_updated_at_column()')
)
SELECT 'run' AS kind,
       format('CREATE TRIGGER %I %s', trigger_name, definition) AS statement,
       format('SHARE ROW EXCLUSIVE on %s, milliseconds', table_name) AS remark
  FROM wanted
 WHERE NOT EXISTS (SELECT FROM pg_trigger AS t
                    WHERE t.tgrelid = to_regclass('public.' || table_name)
                      AND t.tgname = trigger_name);
