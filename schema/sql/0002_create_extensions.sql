-- The seed's extensions. Nothing of ours calls them (gen_random_uuid() and sha256() are in the
-- server since 13 and 11), so a server without the contrib package is fine.
-- Mode: transaction
-- Locks: none on tables
-- Time: milliseconds
-- Reversible: DROP EXTENSION
DO $$
DECLARE
    extension TEXT;
BEGIN
    FOREACH extension IN ARRAY ARRAY['uuid-ossp', 'pgcrypto'] LOOP
        BEGIN
            EXECUTE format('CREATE EXTENSION IF NOT EXISTS %I WITH SCHEMA public', extension);
        EXCEPTION WHEN insufficient_privilege OR feature_not_supported OR undefined_file THEN
            RAISE WARNING 'extension % is not available (%), and nothing here needs it',
                extension, SQLERRM;
        END;
    END LOOP;
END
$$;
