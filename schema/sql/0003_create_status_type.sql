-- The seed's enum. A database whose subscriptions.status is VARCHAR with a CHECK keeps that; the type
-- is there all the same for whoever follows the seed.
-- Mode: transaction
-- Locks: none on tables
-- Time: milliseconds
-- Reversible: DROP TYPE subscription_status when no column has it
DO $$
BEGIN
    IF to_regtype('subscription_status') IS NULL THEN
        CREATE TYPE subscription_status AS ENUM
            ('pending', 'active', 'suspended', 'cancelled', 'expired');
    END IF;
END
$$;
