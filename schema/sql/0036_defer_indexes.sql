-- Which partition of usage_logs has which secondary indexes, and whether a new partition comes with them
-- (partitions.indexes). Deferred: usage_logs itself has only its key. Its other indexes are those of an empty table,
-- public.usage_logs_deferred_indexes, and `partitions index` makes them on a partition whose day is over. The empty
-- table is in schema public because the indexes keep their names there: LiteMaaS' CREATE INDEX IF NOT EXISTS
-- then finds the name and does nothing.
-- Mode: transaction
-- Locks: none
-- Time: milliseconds
-- Reversible: DROP VIEW, DROP FUNCTION, DROP TABLE usage_ingest.index_builds; the column stays
ALTER TABLE usage_ingest.partitioning
    ADD COLUMN IF NOT EXISTS indexes TEXT NOT NULL DEFAULT 'immediate'
        CHECK (indexes IN ('immediate', 'deferred'));

CREATE TABLE IF NOT EXISTS usage_ingest.index_builds (
    partition TEXT NOT NULL,
    definition TEXT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE usage_ingest.index_builds IS
    'indexes that `partitions index` has built, and how long each one took';

-- An index without its name and table: "USING btree (model_id)". What is cut off is a known text. A search for USING
-- would find it in a name too, and a superuser who migrates would run what the owner of the table wrote there. The
-- search_path is fixed, because it decides which names get a schema, and definitions are compared.
CREATE OR REPLACE FUNCTION usage_ingest.index_definition(index REGCLASS)
RETURNS TEXT
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET quote_all_identifiers = off
AS $$
    SELECT CASE WHEN starts_with(whole, start) THEN substr(whole, length(start) + 1) END
      FROM pg_index AS i
      JOIN pg_class AS c ON c.oid = i.indexrelid,
           format('CREATE %sINDEX %I ON %s%s ', CASE WHEN i.indisunique THEN 'UNIQUE ' END, c.relname,
                  CASE WHEN c.relkind = 'I' THEN 'ONLY ' END, i.indrelid::regclass) AS start,
           pg_get_indexdef(c.oid) AS whole
     WHERE c.oid = index;
$$;

-- The indexes that each partition has in the end. Unique ones cannot be deferred. A column of usage_logs may be dropped
-- or get another type while the empty table keeps the old one: `migrate` makes that table again.
CREATE OR REPLACE FUNCTION usage_ingest.secondary_indexes()
RETURNS TABLE (name TEXT, definition TEXT, is_deferred BOOLEAN, place BIGINT, lost_column TEXT,
               changed_column TEXT)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.relname::text, d.definition, i.indrelid <> 'public.usage_logs'::regclass,
           row_number() OVER (PARTITION BY d.definition ORDER BY c.relname), used.lost, used.changed
      FROM pg_index AS i
      JOIN pg_class AS c ON c.oid = i.indexrelid
     CROSS JOIN LATERAL (SELECT usage_ingest.index_definition(c.oid)) AS d(definition)
     CROSS JOIN LATERAL (
           SELECT min(mine.attname::text) FILTER (WHERE live.attname IS NULL) AS lost,
                  min(mine.attname::text) FILTER (
                      WHERE (live.atttypid, live.atttypmod, live.attcollation)
                         <> (mine.atttypid, mine.atttypmod, mine.attcollation)) AS changed
             FROM pg_depend AS p
             JOIN pg_attribute AS mine ON mine.attrelid = p.refobjid AND mine.attnum = p.refobjsubid
             LEFT JOIN pg_attribute AS live ON live.attrelid = 'public.usage_logs'::regclass
                                           AND live.attname = mine.attname
            WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid
              AND p.refclassid = 'pg_class'::regclass AND p.refobjid = i.indrelid
              AND p.refobjsubid > 0) AS used
     WHERE i.indrelid IN ('public.usage_logs'::regclass,
                          to_regclass('public.usage_logs_deferred_indexes'))
       AND NOT i.indisunique AND NOT i.indisexclusion;
$$;

-- 'building' says that `partitions index` runs, by its advisory lock. Two indexes of the same definition
-- need two of the partition. An index whose column changed is left out: none of a partition could be like it.
CREATE OR REPLACE VIEW usage_ingest.partition_indexes AS
WITH found AS (
    SELECT i.indrelid, usage_ingest.index_definition(i.indexrelid) AS definition,
           count(*) FILTER (WHERE i.indisvalid) AS valid,
           count(*) FILTER (WHERE NOT i.indisvalid) AS invalid
      FROM pg_inherits AS p
      JOIN pg_index AS i ON i.indrelid = p.inhrelid
     -- to_regclass(): with a constant, Citus would make this view on the workers, too.
     WHERE p.inhparent = to_regclass('public.usage_logs') AND NOT i.indisunique
     GROUP BY 1, 2
)
SELECT p.name AS partition, p.from_time, p.to_time, w.name AS index_name, w.definition,
       CASE WHEN f.valid >= w.place THEN 'valid'
            WHEN COALESCE(f.invalid, 0) = 0 THEN 'missing'
            WHEN EXISTS (SELECT FROM pg_locks AS l
                          WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                            AND l.database = (SELECT oid FROM pg_database
                                               WHERE datname = current_database())
                            AND l.classid::bigint = 7305801562440212771 >> 32
                            AND l.objid::bigint = 7305801562440212771 & 4294967295)
                 THEN 'building'
            ELSE 'invalid' END AS state
  FROM usage_ingest.partitions_of_usage_logs() AS p
  JOIN pg_class AS c ON c.oid = p.name::regclass AND c.relkind = 'r'
 CROSS JOIN usage_ingest.secondary_indexes() AS w
  LEFT JOIN found AS f ON f.indrelid = c.oid AND f.definition = w.definition
 WHERE NOT p.is_default AND NOT p.detach_pending
   AND w.lost_column IS NULL AND w.changed_column IS NULL;
COMMENT ON VIEW usage_ingest.partition_indexes IS
    'which partition of usage_logs has which secondary indexes: valid, building, invalid or missing';

-- What `partitions index` builds: of partitions whose day ended that long ago, without those that
-- `partitions retain` is going to drop. Nothing while indexes are immediate.
CREATE OR REPLACE FUNCTION usage_ingest.indexes_due(
    seconds_after BIGINT, retention_months INTEGER, retention_days INTEGER)
RETURNS SETOF usage_ingest.partition_indexes
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.* FROM usage_ingest.partition_indexes AS i
     WHERE (SELECT p.indexes = 'deferred' FROM usage_ingest.partitioning AS p)
       AND i.state <> 'valid'
       AND i.to_time <= now() - make_interval(secs => seconds_after)
       AND (retention_months + retention_days = 0
            OR i.to_time > date_trunc(CASE WHEN retention_days > 0 THEN 'day' ELSE 'month' END, now(), 'UTC')
                             - make_interval(months => retention_months, days => retention_days))
     ORDER BY i.from_time DESC, i.index_name;
$$;
