-- main (0.4): budgets and limits of users and keys.
ALTER TABLE users ADD COLUMN IF NOT EXISTS budget_duration VARCHAR(20);
ALTER TABLE models ADD COLUMN IF NOT EXISTS encrypted_api_key TEXT;
ALTER TABLE api_keys
    ADD COLUMN IF NOT EXISTS budget_duration VARCHAR(20),
    ADD COLUMN IF NOT EXISTS soft_budget NUMERIC(10, 2),
    ADD COLUMN IF NOT EXISTS budget_reset_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN IF NOT EXISTS max_parallel_requests INTEGER,
    ADD COLUMN IF NOT EXISTS model_max_budget JSONB,
    ADD COLUMN IF NOT EXISTS model_rpm_limit JSONB,
    ADD COLUMN IF NOT EXISTS model_tpm_limit JSONB;
