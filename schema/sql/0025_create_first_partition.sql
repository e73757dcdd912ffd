-- The one partition that the seed makes; the months that are needed are made at the end of migrate. A
-- step of its own: by now ensure_partition() belongs to the owner of usage_logs, and runs as that.
-- Mode: transaction
-- Locks: as ensure_partition() of 0019
-- Time: milliseconds
-- Reversible: DROP TABLE
SELECT usage_ingest.ensure_partition('2024-01-01')
 WHERE NOT EXISTS (SELECT FROM usage_ingest.partitions_of_usage_logs());
