-- From 0.0.19: a key may have several models, and then no subscription.
ALTER TABLE api_keys ALTER COLUMN subscription_id DROP NOT NULL;
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS migration_status VARCHAR(20) DEFAULT 'pending';
CREATE TABLE IF NOT EXISTS api_key_models (
    api_key_id UUID NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    model_id VARCHAR(255) NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (api_key_id, model_id)
);
CREATE INDEX IF NOT EXISTS idx_api_key_models_api_key ON api_key_models (api_key_id);
