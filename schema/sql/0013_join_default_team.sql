-- Every user is a member of the default team. In key order, a thousand users a transaction; $1 is
-- where the last one ended.
-- Mode: batches
-- Locks: FOR KEY SHARE on a thousand users at a time
-- Time: a second for 100,000 users
-- Reversible: DELETE FROM team_members of that team
WITH batch AS (
    SELECT u.id
      FROM public.users AS u
     WHERE u.id > COALESCE($1, '00000000-0000-0000-0000-000000000000')::uuid
     ORDER BY u.id
     LIMIT 1000
), joined AS (
    INSERT INTO public.team_members (team_id, user_id, role, joined_at)
    SELECT 'a0000000-0000-4000-8000-000000000001', b.id, 'member', now()
      FROM batch AS b
     WHERE NOT EXISTS (SELECT FROM public.team_members AS m
                        WHERE m.user_id = b.id
                          AND m.team_id = 'a0000000-0000-4000-8000-000000000001')
     ORDER BY b.id
    ON CONFLICT DO NOTHING
)
SELECT id::text FROM batch ORDER BY id DESC LIMIT 1;
