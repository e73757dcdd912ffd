-- Beside an average the exact sum and count that it is the quotient of, tokens by direction, cost.
-- Mode: transaction
-- Locks: ACCESS EXCLUSIVE on usage_summaries, for milliseconds (constant defaults: no rewrite)
-- Time: milliseconds
-- Reversible: ALTER TABLE usage_summaries DROP COLUMN, after the way back of 0015
ALTER TABLE usage_summaries
    ADD COLUMN IF NOT EXISTS latency_ms_sum BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS latency_count BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS request_tokens BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS response_tokens BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS total_cost NUMERIC(18, 6) NOT NULL DEFAULT 0;

COMMENT ON COLUMN usage_summaries.avg_latency_ms IS
    'latency_ms_sum / latency_count, rounded half away from zero; NULL when none is known';
COMMENT ON COLUMN usage_summaries.latency_count IS 'requests with a known latency';
