-- Free space on pages whose counters are updated all the time, so that an update stays on its page
-- and touches no index (HOT: PostgreSQL manual, 73.7). A value that somebody set stays.
-- Mode: plan
-- Locks: SHARE UPDATE EXCLUSIVE on the table, for milliseconds (readers and writers go on)
-- Time: milliseconds; pages fill up to it from now on, old ones stay as they are
-- Reversible: ALTER TABLE ... RESET (fillfactor)
SELECT 'run' AS kind,
       format('ALTER TABLE public.%I SET (fillfactor = %s)', wanted.name, wanted.percent)
           AS statement,
       format('SHARE UPDATE EXCLUSIVE on %s, milliseconds', wanted.name) AS remark
  FROM (VALUES ('api_keys', 80), ('subscriptions', 80), ('usage_summaries', 75)) AS wanted(name, percent)
 WHERE NOT EXISTS (SELECT FROM pg_class AS c
                    WHERE c.oid = to_regclass('public.' || wanted.name)
                      AND array_to_string(c.reloptions, ',') LIKE '%fillfactor%');
