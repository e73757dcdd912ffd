-- From 0.1: the analytics pages ask LiteLLM and keep the answer here, a document a day.
CREATE TABLE IF NOT EXISTS daily_usage_cache (
    date DATE PRIMARY KEY,
    raw_data JSONB NOT NULL,
    aggregated_by_user JSONB,
    aggregated_by_model JSONB,
    aggregated_by_provider JSONB,
    total_metrics JSONB,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP,
    is_complete BOOLEAN DEFAULT true
);
CREATE INDEX IF NOT EXISTS idx_daily_cache_complete ON daily_usage_cache (is_complete);
ALTER TABLE api_keys ADD COLUMN IF NOT EXISTS litellm_key_alias VARCHAR(255);
CREATE INDEX IF NOT EXISTS idx_api_keys_litellm_key_alias ON api_keys (litellm_key_alias);
ALTER TABLE models
    ADD COLUMN IF NOT EXISTS api_base VARCHAR(500),
    ADD COLUMN IF NOT EXISTS tpm INTEGER,
    ADD COLUMN IF NOT EXISTS rpm INTEGER,
    ADD COLUMN IF NOT EXISTS max_tokens INTEGER,
    ADD COLUMN IF NOT EXISTS litellm_model_id VARCHAR(255),
    ADD COLUMN IF NOT EXISTS backend_model_name VARCHAR(255);
CREATE INDEX IF NOT EXISTS idx_models_litellm_model_id ON models (litellm_model_id);
