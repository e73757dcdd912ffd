-- Which indexes the tables of 0004 have. Declared here, made by 0007, which knows how to make one on
-- a large table without stopping its writers.
-- Mode: declaration
-- Locks: none
-- Time: none
-- Reversible: nothing to take back
CREATE INDEX idx_users_email ON users(email);
CREATE INDEX idx_users_username ON users(username);
CREATE INDEX idx_users_oauth ON users(oauth_provider, oauth_id);

CREATE INDEX idx_models_provider ON models(provider);
CREATE INDEX idx_models_active ON models(is_active);
CREATE INDEX idx_models_capabilities ON models USING GIN (capabilities);
CREATE INDEX idx_models_litellm_provider ON models(litellm_provider);

CREATE INDEX idx_teams_created_by ON teams(created_by);
CREATE INDEX idx_teams_litellm ON teams(litellm_team_id);
CREATE INDEX idx_teams_sync_status ON teams(sync_status);

CREATE INDEX idx_team_members_team ON team_members(team_id);
CREATE INDEX idx_team_members_user ON team_members(user_id);

CREATE UNIQUE INDEX unique_active_subscription ON subscriptions(user_id, model_id)
    WHERE status = 'active';
CREATE INDEX idx_subscriptions_user ON subscriptions(user_id);
CREATE INDEX idx_subscriptions_model ON subscriptions(model_id);
CREATE INDEX idx_subscriptions_team ON subscriptions(team_id);
CREATE INDEX idx_subscriptions_status ON subscriptions(status);
CREATE INDEX idx_subscriptions_expires ON subscriptions(expires_at);
CREATE INDEX idx_subscriptions_litellm ON subscriptions(litellm_key_id);

CREATE INDEX idx_api_keys_subscription ON api_keys(subscription_id);
CREATE INDEX idx_api_keys_user ON api_keys(user_id);
CREATE INDEX idx_api_keys_hash ON api_keys(key_hash);
CREATE INDEX idx_api_keys_prefix ON api_keys(key_prefix);
CREATE INDEX idx_api_keys_active ON api_keys(is_active);
CREATE INDEX idx_api_keys_litellm ON api_keys(lite_llm_key_value);
CREATE INDEX idx_api_keys_team ON api_keys(team_id);

CREATE INDEX idx_api_key_models_key ON api_key_models(api_key_id);
CREATE INDEX idx_api_key_models_model ON api_key_models(model_id);

CREATE INDEX idx_usage_logs_subscription ON usage_logs(subscription_id);
CREATE INDEX idx_usage_logs_created ON usage_logs(created_at);
CREATE INDEX idx_usage_logs_model ON usage_logs(model_id);
CREATE INDEX idx_usage_logs_team ON usage_logs(team_id);
CREATE INDEX idx_usage_logs_litellm ON usage_logs(litellm_request_id);

CREATE INDEX idx_usage_summaries_subscription ON usage_summaries(subscription_id);
CREATE INDEX idx_usage_summaries_period ON usage_summaries(period_type, period_start);

CREATE INDEX idx_audit_logs_user ON audit_logs(user_id);
CREATE INDEX idx_audit_logs_action ON audit_logs(action);
CREATE INDEX idx_audit_logs_created ON audit_logs(created_at);
