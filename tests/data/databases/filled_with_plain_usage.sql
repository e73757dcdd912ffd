-- Made up for tests, after filled_without_usage.sql: usage_logs as one plain table, with a view,
-- grants and a trigger of somebody's.
CREATE TABLE usage_logs (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    subscription_id UUID NOT NULL REFERENCES subscriptions(id) ON DELETE CASCADE,
    api_key_id UUID REFERENCES api_keys(id) ON DELETE SET NULL,
    team_id UUID REFERENCES teams(id) ON DELETE SET NULL,
    model_id VARCHAR(255) NOT NULL,
    request_tokens INTEGER NOT NULL,
    response_tokens INTEGER NOT NULL,
    total_tokens INTEGER GENERATED ALWAYS AS (request_tokens + response_tokens) STORED,
    input_cost DECIMAL(10, 6) DEFAULT 0.000000,
    output_cost DECIMAL(10, 6) DEFAULT 0.000000,
    total_cost DECIMAL(10, 6) GENERATED ALWAYS AS (input_cost + output_cost) STORED,
    latency_ms INTEGER,
    status_code INTEGER,
    region VARCHAR(20) DEFAULT 'eu',
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_usage_logs_subscription ON usage_logs(subscription_id);
CREATE INDEX usage_by_time ON usage_logs(created_at);
CREATE VIEW usage_by_region AS
    SELECT region, count(*) AS requests FROM usage_logs GROUP BY region;
CREATE ROLE reporting_of_tests;
GRANT SELECT ON usage_logs, usage_by_region TO reporting_of_tests;
GRANT SELECT (region) ON usage_logs TO PUBLIC;
