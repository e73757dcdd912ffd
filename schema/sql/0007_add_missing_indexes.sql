-- Indexes that the tables lack. An index of another name on the same columns counts as there. So does a
-- deferred one (0036), because its table outlives the schema usage_ingest. On a table with rows they are
-- built CONCURRENTLY, partition by partition where there are some; the parent's index then adopts those
-- (PostgreSQL manual, CREATE INDEX, "partitioned tables").
-- Mode: plan
-- Shadow: 3 4 5
-- Locks: SHARE UPDATE EXCLUSIVE while building on a table with rows (readers and writers go on);
--        SHARE for milliseconds on an empty one and on a partitioned parent
-- Time: seconds a million rows and index
-- Reversible: DROP INDEX CONCURRENTLY
WITH index_facts AS (
    SELECT i.indexrelid, i.indrelid, i.indisunique, i.indisvalid, i.indpred IS NOT NULL AS partial,
           c.relname AS index_name, am.amname,
           ARRAY(SELECT a.attname::text
                   FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, position)
                   LEFT JOIN pg_attribute AS a
                     ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                  ORDER BY k.position) AS columns
      FROM pg_index AS i
      JOIN pg_class AS c ON c.oid = i.indexrelid
      JOIN pg_am AS am ON am.oid = c.relam
), live_tables AS (
    -- A table that is not there yet (dry run) has no rows.
    SELECT w.oid AS wanted_oid, w.relname AS table_name, l.oid AS live_oid, l.relkind,
           -- pg_partition_tree() is empty for a table that is not partitioned
           COALESCE(pg_relation_size(l.oid)
                        + (SELECT COALESCE(sum(pg_relation_size(leaf.relid)), 0)
                             FROM pg_partition_tree(l.oid) AS leaf) > 0, false) AS has_rows
      FROM pg_class AS w
      LEFT JOIN pg_class AS l ON l.relname = w.relname
       AND l.relnamespace = 'public'::regnamespace AND l.relkind IN ('r', 'p')
     WHERE w.relnamespace = pg_my_temp_schema() AND w.relkind IN ('r', 'p')
       AND NOT w.relispartition
), lacking AS (
    SELECT t.*, f.index_name, f.indisunique, f.columns, f.partial, f.amname,
           substring(regexp_replace(pg_get_indexdef(f.indexrelid),
                                    '::(pg_temp(_\d+)?\.)?subscription_status', '', 'g')
                     FROM ' USING .*$') AS definition
      FROM live_tables AS t
      JOIN index_facts AS f ON f.indrelid = t.wanted_oid
     WHERE NOT EXISTS (
               SELECT FROM index_facts AS there
                WHERE (there.indrelid = t.live_oid
                       OR (t.table_name = 'usage_logs' AND NOT there.indisunique
                           AND there.indrelid = to_regclass('public.usage_logs_deferred_indexes')))
                  AND there.indisvalid
                  AND (there.index_name = f.index_name
                       -- a unique index on some of the columns is stricter, so it will do
                       OR (f.indisunique AND there.indisunique AND NOT there.partial
                           AND there.columns <@ f.columns)
                       OR (f.indisunique = there.indisunique AND f.partial = there.partial
                           AND there.columns = f.columns AND there.amname = f.amname)))
       -- the constraints of a table that is not there yet come with the table
       AND (t.live_oid IS NOT NULL
            OR NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = f.indexrelid))
), leaves AS (
    SELECT k.*, leaf.oid AS leaf_oid
      FROM lacking AS k
     CROSS JOIN LATERAL (SELECT k.live_oid WHERE k.relkind = 'r'
                         UNION ALL
                         SELECT relid FROM pg_partition_tree(k.live_oid) WHERE isleaf) AS leaf(oid)
     WHERE k.has_rows
), steps AS (
    -- what an interrupted CREATE INDEX CONCURRENTLY left behind
    SELECT leaves.table_name, leaves.index_name, 1 AS turn, 'concurrently' AS kind,
           format('DROP INDEX CONCURRENTLY IF EXISTS %s', broken.indexrelid::regclass) AS statement
      FROM leaves
      JOIN index_facts AS broken ON broken.indrelid = leaf_oid AND NOT broken.indisvalid
       AND broken.columns = leaves.columns AND broken.indisunique = leaves.indisunique
    UNION ALL
    SELECT table_name, index_name, 2, CASE WHEN indisunique THEN 'try' ELSE 'concurrently' END,
           format('CREATE %sINDEX CONCURRENTLY%s ON %s%s',
                  CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END,
                  CASE WHEN relkind = 'r' THEN ' ' || quote_ident(index_name) ELSE '' END,
                  leaf_oid::regclass, definition)
      FROM leaves
     WHERE NOT EXISTS (SELECT FROM index_facts AS there
                        WHERE there.indrelid = leaf_oid AND there.indisvalid
                          AND there.columns = leaves.columns AND there.amname = leaves.amname
                          AND there.indisunique = leaves.indisunique
                          AND there.partial = leaves.partial)
    UNION ALL
    SELECT table_name, index_name, 3, CASE WHEN indisunique THEN 'try' ELSE 'run' END,
           format('CREATE %sINDEX %I ON public.%I%s',
                  CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END, index_name, table_name,
                  definition)
      FROM lacking
     WHERE relkind = 'p' OR NOT has_rows
)
SELECT kind, statement,
       CASE WHEN kind IN ('concurrently', 'try') THEN 'SHARE UPDATE EXCLUSIVE on '
            ELSE 'SHARE, for milliseconds, on ' END || table_name AS remark
  FROM steps
 ORDER BY table_name, index_name, turn, statement;
