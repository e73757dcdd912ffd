-- From 0.2: an administrator approves or denies subscriptions of restricted models.
INSERT INTO users (id, username, email, oauth_provider, oauth_id, is_active, roles)
VALUES ('00000000-0000-0000-0000-000000000001', 'system', 'system@litemaas.internal', 'system',
        'system', false, '{}')
ON CONFLICT (id) DO NOTHING;
ALTER TABLE subscriptions DROP CONSTRAINT IF EXISTS subscriptions_status_check;
ALTER TABLE subscriptions ADD CONSTRAINT subscriptions_status_check
    CHECK (status IN ('active', 'suspended', 'cancelled', 'expired', 'inactive', 'pending',
                      'denied'));
ALTER TABLE subscriptions
    ADD COLUMN IF NOT EXISTS status_reason TEXT,
    ADD COLUMN IF NOT EXISTS status_changed_at TIMESTAMP WITH TIME ZONE,
    ADD COLUMN IF NOT EXISTS status_changed_by UUID REFERENCES users (id);
CREATE INDEX IF NOT EXISTS idx_subscriptions_status_updated
    ON subscriptions (status, status_changed_at DESC);
ALTER TABLE models ADD COLUMN IF NOT EXISTS restricted_access BOOLEAN DEFAULT false;
CREATE TABLE IF NOT EXISTS subscription_status_history (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    subscription_id UUID NOT NULL REFERENCES subscriptions (id) ON DELETE CASCADE,
    old_status VARCHAR(20),
    new_status VARCHAR(20) NOT NULL,
    reason TEXT,
    changed_by UUID REFERENCES users (id),
    changed_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP
);
UPDATE subscriptions
   SET status_changed_at = COALESCE(updated_at, created_at),
       status_changed_by = '00000000-0000-0000-0000-000000000001'
 WHERE status_changed_at IS NULL;
