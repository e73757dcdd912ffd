-- Samples of the rows that the daemon inserts, by which it notices that rows disappear: after TRUNCATE,
-- or when an older dump is restored. A subscription that is deleted takes its rows along; the trigger
-- notes that, and TRUNCATE does not fire it.
-- Mode: transaction
-- Locks: SHARE ROW EXCLUSIVE on subscriptions, for milliseconds
-- Time: milliseconds
-- Reversible: DROP TRIGGER (ACCESS EXCLUSIVE), DROP FUNCTION, DROP TABLE
-- No foreign key: TRUNCATE subscriptions CASCADE would empty this table too.
CREATE TABLE IF NOT EXISTS usage_ingest.row_samples (
    row_id UUID NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    subscription_id UUID NOT NULL,
    sampled_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    subscription_deleted BOOLEAN NOT NULL DEFAULT false,
    missing_since TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (row_id, created_at)
);
COMMENT ON TABLE usage_ingest.row_samples IS
    'some of the rows that the daemon inserted into usage_logs; it looks whether they are still there';

-- Runs inside LiteMaaS' own statements: SECURITY DEFINER, and never raises.
CREATE OR REPLACE FUNCTION usage_ingest.note_deleted_subscriptions()
RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE usage_ingest.row_samples AS s SET subscription_deleted = true
      FROM old_rows AS o WHERE s.subscription_id = o.id;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    RAISE WARNING 'usage_ingest.note_deleted_subscriptions: % (%)', SQLERRM, SQLSTATE;
    RETURN NULL;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.note_deleted_subscriptions() FROM PUBLIC;

CREATE OR REPLACE TRIGGER usage_ingest_deleted AFTER DELETE ON public.subscriptions
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION usage_ingest.note_deleted_subscriptions();
