-- Our own schema and the ledger of what was migrated.
-- Mode: transaction
-- Locks: none on tables of LiteMaaS
-- Time: milliseconds
-- Reversible: DROP SCHEMA usage_ingest CASCADE, after all later steps were taken back
CREATE SCHEMA IF NOT EXISTS usage_ingest;

CREATE TABLE IF NOT EXISTS usage_ingest.migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,  -- SHA-256 of the file, hex
    applied_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON SCHEMA usage_ingest IS 'usage-ingestd: offsets, dead letters, key history, migrations';
COMMENT ON TABLE usage_ingest.migrations IS 'steps of `usage-ingestd migrate` that are finished';
