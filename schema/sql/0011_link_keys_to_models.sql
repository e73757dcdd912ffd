-- The seed's migration 002: the models that a key reaches through its legacy subscription. In key
-- order, a thousand keys a transaction; $1 is where the last one ended.
-- Mode: batches
-- Locks: FOR KEY SHARE on a thousand api_keys at a time
-- Time: a second for 100,000 keys
-- Reversible: not needed, the rows say what the legacy column says
WITH batch AS (
    SELECT k.id, k.subscription_id, k.created_at
      FROM public.api_keys AS k
     WHERE k.id > COALESCE($1, '00000000-0000-0000-0000-000000000000')::uuid
     ORDER BY k.id
     LIMIT 1000
), linked AS (
    INSERT INTO public.api_key_models (api_key_id, model_id, created_at)
    SELECT b.id, s.model_id, b.created_at
      FROM batch AS b
      JOIN public.subscriptions AS s ON s.id = b.subscription_id
     ORDER BY b.id
    ON CONFLICT DO NOTHING
)
SELECT id::text FROM batch ORDER BY id DESC LIMIT 1;
