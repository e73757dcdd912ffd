-- Up to 0.0.19: usage, one plain table. Its totals are plain columns, and user_id must have a value.
CREATE TABLE IF NOT EXISTS usage_logs (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    subscription_id UUID NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    api_key_id UUID REFERENCES api_keys (id) ON DELETE SET NULL,
    model_id VARCHAR(255) NOT NULL REFERENCES models (id),
    user_id UUID NOT NULL REFERENCES users (id),
    request_tokens INTEGER NOT NULL DEFAULT 0,
    response_tokens INTEGER NOT NULL DEFAULT 0,
    total_tokens INTEGER NOT NULL DEFAULT 0,
    cost NUMERIC(10, 6) DEFAULT 0,
    latency_ms INTEGER,
    status_code INTEGER NOT NULL,
    error_message TEXT,
    request_id VARCHAR(255),
    endpoint VARCHAR(255),
    metadata JSONB DEFAULT '{}',
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX IF NOT EXISTS idx_usage_logs_subscription_id ON usage_logs (subscription_id);
CREATE INDEX IF NOT EXISTS idx_usage_logs_created_at ON usage_logs (created_at);

CREATE TABLE IF NOT EXISTS usage_summaries (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    subscription_id UUID NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    model_id VARCHAR(255) NOT NULL REFERENCES models (id),
    period_type VARCHAR(20) NOT NULL CHECK (period_type IN ('hour', 'day', 'month')),
    period_start TIMESTAMP WITH TIME ZONE NOT NULL,
    request_count INTEGER NOT NULL DEFAULT 0,
    total_tokens INTEGER NOT NULL DEFAULT 0,
    total_cost NUMERIC(10, 6) DEFAULT 0,
    error_count INTEGER DEFAULT 0,
    avg_latency_ms INTEGER,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (subscription_id, model_id, period_type, period_start)
);
