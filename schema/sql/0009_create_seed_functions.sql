-- The seed's functions, when LiteMaaS has not made them: the quota rule is the database's, so one
-- that is there stays. update_usage_summary() comes with the hand-over, 0014.
-- Mode: transaction
-- Locks: none on tables
-- Time: milliseconds
-- Reversible: DROP FUNCTION, after its triggers
DO $seed$
BEGIN
    IF to_regprocedure('public.update_updated_at_column()') IS NULL THEN
        CREATE FUNCTION update_updated_at_column() RETURNS TRIGGER AS $$
BEGIN
    NEW.updated_at = CURRENT_TIMESTAMP;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;
    END IF;

    IF to_regprocedure('public.check_subscription_quota()') IS NULL THEN
        CREATE FUNCTION check_subscription_quota() RETURNS TRIGGER AS $$
BEGIN
    IF NEW.used_requests > OLD.quota_requests OR NEW.used_tokens > OLD.quota_tokens THEN
        NEW.status = 'suspended';
    END IF;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;
    END IF;
END
$seed$;
