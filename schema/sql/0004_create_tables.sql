-- The tables of LiteMaaS, for a database that has none or only some of them. A table that exists is
-- left alone here: 0006 adds columns that it lacks, 0008 partitions a plain usage_logs.
-- Mode: transaction
-- Locks: SHARE ROW EXCLUSIVE on existing tables that a created one refers to, for milliseconds
-- Time: milliseconds
-- Reversible: DROP TABLE of those created, as long as they are empty
CREATE TABLE IF NOT EXISTS users (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    username VARCHAR(255) UNIQUE NOT NULL,
    email VARCHAR(255) UNIQUE NOT NULL,
    full_name VARCHAR(255),
    oauth_provider VARCHAR(50) NOT NULL,
    oauth_id VARCHAR(255) NOT NULL,
    roles TEXT[] DEFAULT ARRAY['user'],
    is_active BOOLEAN DEFAULT true,
    max_budget DECIMAL(10, 2) DEFAULT 100.00,
    tpm_limit INTEGER DEFAULT 1000,
    rpm_limit INTEGER DEFAULT 60,
    sync_status VARCHAR(20) DEFAULT 'pending',  -- pending, synced, error
    last_login_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (oauth_provider, oauth_id)
);

CREATE TABLE IF NOT EXISTS models (
    id VARCHAR(255) PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    provider VARCHAR(100) NOT NULL,
    description TEXT,
    capabilities TEXT[] DEFAULT ARRAY[]::TEXT[],
    context_length INTEGER,
    input_price_per_1k DECIMAL(10, 6),
    output_price_per_1k DECIMAL(10, 6),
    max_tokens INTEGER,
    supports_function_calling BOOLEAN DEFAULT false,
    supports_vision BOOLEAN DEFAULT false,
    litellm_provider VARCHAR(100),
    metadata JSONB DEFAULT '{}',
    is_active BOOLEAN DEFAULT true,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS teams (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name VARCHAR(255) NOT NULL,
    alias VARCHAR(255),
    description TEXT,
    created_by UUID,  -- NULL for teams that the system created
    max_budget DECIMAL(10, 2) DEFAULT 1000.00,
    current_spend DECIMAL(10, 2) DEFAULT 0.00,
    litellm_team_id VARCHAR(255),
    budget_duration VARCHAR(20) DEFAULT 'monthly',  -- monthly, yearly, lifetime
    tpm_limit INTEGER DEFAULT 10000,
    rpm_limit INTEGER DEFAULT 1000,
    allowed_models JSONB DEFAULT '[]'::JSONB,  -- an empty array enables all models
    metadata JSONB DEFAULT '{}'::JSONB,
    last_sync_at TIMESTAMP WITH TIME ZONE,
    sync_status VARCHAR(20) DEFAULT 'pending',  -- pending, synced, error
    is_active BOOLEAN DEFAULT true,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS team_members (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    team_id UUID NOT NULL,
    user_id UUID NOT NULL,
    role VARCHAR(20) DEFAULT 'member',  -- admin, member
    joined_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (team_id, user_id)
);

-- The seed's CONSTRAINT ... UNIQUE (...) WHERE is no SQL; 0005 has it as a partial unique index.
CREATE TABLE IF NOT EXISTS subscriptions (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id UUID NOT NULL,
    model_id VARCHAR(255) NOT NULL,
    team_id UUID,
    status subscription_status DEFAULT 'pending',
    quota_requests INTEGER DEFAULT 10000,
    quota_tokens BIGINT DEFAULT 1000000,
    used_requests INTEGER DEFAULT 0,
    used_tokens BIGINT DEFAULT 0,
    max_budget DECIMAL(10, 2) DEFAULT 100.00,
    current_spend DECIMAL(10, 2) DEFAULT 0.00,
    budget_duration VARCHAR(20) DEFAULT 'monthly',
    tpm_limit INTEGER DEFAULT 1000,
    rpm_limit INTEGER DEFAULT 60,
    litellm_key_id VARCHAR(255),
    litellm_key_alias VARCHAR(255),
    last_sync_at TIMESTAMP WITH TIME ZONE,
    sync_status VARCHAR(20) DEFAULT 'pending',
    reset_at TIMESTAMP WITH TIME ZONE,
    expires_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS api_keys (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    subscription_id UUID,  -- legacy, see 0011
    user_id UUID NOT NULL,
    name VARCHAR(255),
    key_hash VARCHAR(255) UNIQUE NOT NULL,
    key_prefix VARCHAR(10) NOT NULL,
    max_budget DECIMAL(10, 2) DEFAULT 100.00,
    current_spend DECIMAL(10, 2) DEFAULT 0.00,
    budget_duration VARCHAR(20) DEFAULT 'monthly',
    tpm_limit INTEGER DEFAULT 1000,
    rpm_limit INTEGER DEFAULT 60,
    lite_llm_key_value VARCHAR(255),
    litellm_key_alias VARCHAR(255),
    team_id UUID,
    last_sync_at TIMESTAMP WITH TIME ZONE,
    sync_status VARCHAR(20) DEFAULT 'pending',
    last_used_at TIMESTAMP WITH TIME ZONE,
    expires_at TIMESTAMP WITH TIME ZONE,
    is_active BOOLEAN DEFAULT true,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    revoked_at TIMESTAMP WITH TIME ZONE,
    metadata JSONB DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS api_key_models (
    api_key_id UUID NOT NULL,
    model_id VARCHAR(255) NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (api_key_id, model_id)
);

-- A unique constraint of a partitioned table must hold the partition key (PostgreSQL manual, 5.11):
-- the seed's PRIMARY KEY (id) becomes (id, created_at).
CREATE TABLE IF NOT EXISTS usage_logs (
    id UUID DEFAULT gen_random_uuid(),
    subscription_id UUID NOT NULL,
    api_key_id UUID,
    team_id UUID,
    model_id VARCHAR(255) NOT NULL,
    request_tokens INTEGER NOT NULL,
    response_tokens INTEGER NOT NULL,
    total_tokens INTEGER GENERATED ALWAYS AS (request_tokens + response_tokens) STORED,
    input_cost DECIMAL(10, 6) DEFAULT 0.000000,
    output_cost DECIMAL(10, 6) DEFAULT 0.000000,
    total_cost DECIMAL(10, 6) GENERATED ALWAYS AS (input_cost + output_cost) STORED,
    latency_ms INTEGER,
    status_code INTEGER,
    error_message TEXT,
    litellm_request_id VARCHAR(255),
    metadata JSONB DEFAULT '{}',
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (id, created_at)
) PARTITION BY RANGE (created_at);

CREATE TABLE IF NOT EXISTS usage_summaries (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    subscription_id UUID NOT NULL,
    model_id VARCHAR(255) NOT NULL,
    period_type VARCHAR(20) NOT NULL,  -- hour, day, month; of UTC
    period_start TIMESTAMP WITH TIME ZONE NOT NULL,
    request_count INTEGER DEFAULT 0,
    total_tokens BIGINT DEFAULT 0,
    error_count INTEGER DEFAULT 0,
    avg_latency_ms INTEGER,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (subscription_id, model_id, period_type, period_start)
);

CREATE TABLE IF NOT EXISTS audit_logs (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id UUID,
    action VARCHAR(100) NOT NULL,
    resource_type VARCHAR(50),
    resource_id VARCHAR(255),
    ip_address INET,
    user_agent TEXT,
    metadata JSONB DEFAULT '{}',
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);

-- For tables that were created just now. They belong to the owner of those that were there, or
-- LiteMaaS, which works as that role, could not use them. Foreign keys come at the end and after one
-- look for all locks, since each keeps the writers of an existing table out until the transaction
-- ends. (0006 and 0007 read this file as temporary tables: those lock nobody.)
DO $finish$
DECLARE
    owner NAME := (SELECT pg_get_userbyid(relowner) FROM pg_class
                    WHERE oid = to_regclass('users') AND relowner <> current_user::regrole
                      AND xmin <> pg_current_xact_id()::xid);
    created CONSTANT NAME[] := ARRAY(
        SELECT relname FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
           AND xmin = pg_current_xact_id()::xid);
    name NAME;
    statements TEXT[];
    statement TEXT;
    parents TEXT[];
BEGIN
    SELECT array_agg(format('ALTER TABLE %I ADD FOREIGN KEY (%I) REFERENCES %I(id) %s', child,
                            column_name, parent, on_delete)),
           array_agg(DISTINCT 'public.' || parent)
      INTO statements, parents
      FROM (VALUES
            ('teams', 'created_by', 'users', ''),
            ('team_members', 'team_id', 'teams', 'ON DELETE CASCADE'),
            ('team_members', 'user_id', 'users', 'ON DELETE CASCADE'),
            ('subscriptions', 'user_id', 'users', 'ON DELETE CASCADE'),
            ('subscriptions', 'model_id', 'models', ''),
            ('subscriptions', 'team_id', 'teams', 'ON DELETE SET NULL'),
            ('api_keys', 'subscription_id', 'subscriptions', 'ON DELETE SET NULL'),
            ('api_keys', 'user_id', 'users', 'ON DELETE CASCADE'),
            ('api_keys', 'team_id', 'teams', 'ON DELETE SET NULL'),
            ('api_key_models', 'api_key_id', 'api_keys', 'ON DELETE CASCADE'),
            ('api_key_models', 'model_id', 'models', 'ON DELETE CASCADE'),
            ('usage_logs', 'subscription_id', 'subscriptions', 'ON DELETE CASCADE'),
            ('usage_logs', 'api_key_id', 'api_keys', 'ON DELETE SET NULL'),
            ('usage_logs', 'team_id', 'teams', 'ON DELETE SET NULL'),
            ('usage_summaries', 'subscription_id', 'subscriptions', 'ON DELETE CASCADE'),
            ('audit_logs', 'user_id', 'users', 'ON DELETE SET NULL')
      ) AS r(child, column_name, parent, on_delete)
     WHERE child = ANY (created);
    IF statements IS NULL THEN
        RETURN;
    END IF;
    IF current_schema() = 'public' THEN
        PERFORM usage_ingest.lock_tables('SHARE ROW EXCLUSIVE', parents);
    END IF;
    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;

    IF owner IS NULL THEN
        RETURN;
    END IF;
    FOREACH name IN ARRAY created LOOP
        BEGIN
            EXECUTE format('ALTER TABLE public.%I OWNER TO %I', name, owner);
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING 'table % stays yours: %', name, SQLERRM;
        END;
    END LOOP;
END
$finish$;
