#pragma once
// The SQL of SetIndexes.

namespace usage_ingest::postgres::migrate::sql {

// Both ways; without the table, or with one that is not partitioned yet: nothing. A DEFAULT
// partition is read whenever another one is attached. On the way back an index of it, or of a
// partitioned partition, would be built while usage_logs takes no rows.
inline constexpr const char* kIndexObstacles = R"sql(
SELECT format('%s is a DEFAULT partition, and usage_logs would be locked while it is read',
              d.partdefid::regclass),
       format('ALTER TABLE public.usage_logs DETACH PARTITION %s, then INSERT its rows into '
              'usage_logs', d.partdefid::regclass)
  FROM pg_partitioned_table AS d
 WHERE d.partrelid = to_regclass('public.usage_logs') AND d.partdefid <> 0
UNION ALL
SELECT format('partition %s is no ordinary table', c.oid::regclass),
       format('ALTER TABLE public.usage_logs DETACH PARTITION %s, then INSERT its rows into '
              'usage_logs', c.oid::regclass)
  FROM pg_inherits AS i
  JOIN pg_class AS c ON c.oid = i.inhrelid
  JOIN pg_partitioned_table AS d ON d.partrelid = i.inhparent AND d.partdefid <> c.oid
 WHERE i.inhparent = to_regclass('public.usage_logs') AND c.relkind <> 'r'
UNION ALL
SELECT format('partition %s is being detached', i.inhrelid::regclass),
       format('ALTER TABLE public.usage_logs DETACH PARTITION %s FINALIZE', i.inhrelid::regclass)
  FROM pg_inherits AS i
 WHERE i.inhparent = to_regclass('public.usage_logs') AND i.inhdetachpending)sql";

// Works before the first migrate. A dump of schema public brings the table without our schema.
inline constexpr const char* kHasTemplate =
    "SELECT to_regclass('public.usage_logs_deferred_indexes') IS NOT NULL";

// Whether step 0036 is applied: a dry run may come before it.
inline constexpr const char* kHasIndexState =
    "SELECT to_regprocedure('usage_ingest.secondary_indexes()') IS NOT NULL";

// Is there something to take from usage_logs, and something to give back? Has the template other
// columns than usage_logs?
inline constexpr const char* kIndexState = R"sql(
WITH columns AS (
  SELECT attrelid, attname, atttypid, atttypmod, attcollation FROM pg_attribute
   WHERE attrelid IN ('public.usage_logs'::regclass,
                      to_regclass('public.usage_logs_deferred_indexes'))
     AND attnum > 0 AND NOT attisdropped
)
SELECT p.indexes = 'deferred', t.oid IS NOT NULL,
       EXISTS (SELECT FROM usage_ingest.secondary_indexes() AS s WHERE NOT s.is_deferred),
       t.oid IS NOT NULL
         AND EXISTS (SELECT FROM columns GROUP BY attname, atttypid, atttypmod, attcollation
                     HAVING count(*) <> 2)
  FROM usage_ingest.partitioning AS p,
       to_regclass('public.usage_logs_deferred_indexes') AS t(oid))sql";

// Deferred indexes that cannot be made any more, each with the column that it needs.
inline constexpr const char* kLostIndexes =
    "SELECT name, lost_column, definition FROM usage_ingest.secondary_indexes() "
    "WHERE lost_column IS NOT NULL ORDER BY 1";

// What detaching and dropping loses, and how to set it again.
inline constexpr const char* kLosses = R"sql(
SELECT format('index %I loses its comment', c.relname),
       format('COMMENT ON INDEX public.%I IS %L', c.relname, obj_description(c.oid, 'pg_class'))
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
 WHERE i.indrelid = 'public.usage_logs'::regclass AND NOT i.indisunique
   AND obj_description(c.oid, 'pg_class') IS NOT NULL
UNION ALL
SELECT format('index %I leaves its tablespace, and partitions get theirs in that of the database',
              c.relname),
       format('ALTER INDEX ... SET TABLESPACE %I for that of each partition', s.spcname)
  FROM pg_index AS i
  JOIN pg_class AS c ON c.oid = i.indexrelid
  JOIN pg_tablespace AS s ON s.oid = c.reltablespace
 WHERE i.indrelid = 'public.usage_logs'::regclass AND NOT i.indisunique
UNION ALL
SELECT format('trigger %I of %s fires as that of usage_logs', t.tgname, t.tgrelid::regclass),
       format('ALTER TABLE %s %s TRIGGER %I', t.tgrelid::regclass,
              CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS'
                               WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE' END, t.tgname)
  FROM pg_trigger AS t JOIN pg_trigger AS p ON p.oid = t.tgparentid
 WHERE p.tgrelid = 'public.usage_logs'::regclass AND NOT p.tgisinternal
   AND t.tgenabled <> p.tgenabled
 ORDER BY 1)sql";

// Statements in pairs: add the bound of a partition with rows as a CHECK, and validate it.
inline constexpr const char* kBounds = R"sql(
SELECT format('ALTER TABLE %s ADD CONSTRAINT usage_ingest_bound CHECK (%s) NOT VALID',
              i.inhrelid::regclass, pg_get_partition_constraintdef(i.inhrelid)),
       format('ALTER TABLE %s VALIDATE CONSTRAINT usage_ingest_bound', i.inhrelid::regclass),
       c.oid IS NULL, i.inhrelid::regclass
  FROM pg_inherits AS i
  LEFT JOIN pg_constraint AS c ON c.conrelid = i.inhrelid AND c.conname = 'usage_ingest_bound'
 WHERE i.inhparent = 'public.usage_logs'::regclass AND NOT COALESCE(c.convalidated, false)
   AND pg_relation_size(i.inhrelid) > 0
 ORDER BY 4)sql";

// A statement for each bound that an interrupted run left.
inline constexpr const char* kLeftBounds = R"sql(
SELECT format('ALTER TABLE %s DROP CONSTRAINT usage_ingest_bound', c.conrelid::regclass)
  FROM pg_inherits AS i JOIN pg_constraint AS c ON c.conrelid = i.inhrelid
 WHERE i.inhparent = 'public.usage_logs'::regclass AND c.conname = 'usage_ingest_bound'
 ORDER BY 1)sql";

// A statement. The parents are locked in the order of every writer, then usage_logs, if it has
// indexes to defer; else the template alone is made again.
inline constexpr const char* kDeferLocks = R"sql(
SELECT format('SELECT usage_ingest.lock_tables(''ACCESS EXCLUSIVE'', %L);',
              CASE WHEN EXISTS (SELECT FROM usage_ingest.secondary_indexes() WHERE NOT is_deferred)
                   THEN ARRAY(SELECT DISTINCT confrelid::regclass::text FROM pg_constraint
                               WHERE conrelid = 'public.usage_logs'::regclass AND contype = 'f'
                                 AND confrelid <> 'public.subscriptions'::regclass ORDER BY 1)
                          || ARRAY['public.subscriptions', 'public.usage_logs']
                   ELSE ARRAY[]::text[] END
                || ARRAY['public.usage_logs_deferred_indexes']))sql";

// Statements, read under these locks. A day that is not over loses its indexes: rows are still
// written to it. A month keeps them.
inline constexpr const char* kDefer = R"sql(
WITH indexes AS (
  SELECT * FROM usage_ingest.secondary_indexes() WHERE lost_column IS NULL
), parts AS (
  SELECT p.name, pg_get_expr(c.relpartbound, c.oid) AS bound, c.oid,
         p.to_time > now() AND p.to_time <= p.from_time + interval '1 day' AS is_unfinished
    FROM usage_ingest.partitions_of_usage_logs() AS p JOIN pg_class AS c ON c.oid = p.name::regclass
   WHERE EXISTS (SELECT FROM indexes WHERE NOT is_deferred)
), statements AS (
  SELECT 1 AS place, name, format('ALTER TABLE public.usage_logs DETACH PARTITION %s;', name) AS sql
    FROM parts
  UNION ALL
  SELECT 2, name, format('DROP INDEX public.%I;', name) FROM indexes WHERE NOT is_deferred
  UNION ALL
  SELECT 3, '', format(E'DROP TABLE IF EXISTS public.usage_logs_deferred_indexes;'
                       '\nCREATE TABLE public.usage_logs_deferred_indexes (LIKE public.usage_logs);'
                       '\nALTER TABLE public.usage_logs_deferred_indexes OWNER TO %s;'
                       '\nCOMMENT ON TABLE public.usage_logs_deferred_indexes IS %L;',
                       relowner::regrole,
                       'stays empty: its indexes are those that a partition of usage_logs gets when '
                       'its day is over (usage-ingestd, partitions.indexes)')
    FROM pg_class WHERE oid = 'public.usage_logs'::regclass
  UNION ALL
  SELECT 4, name, format('CREATE INDEX %I ON public.usage_logs_deferred_indexes %s;', name, definition)
    FROM indexes
  UNION ALL
  SELECT 5, i.indexrelid::regclass::text, format('DROP INDEX %s;', i.indexrelid::regclass)
    FROM parts
    JOIN pg_index AS i ON i.indrelid = parts.oid
    JOIN pg_inherits AS child ON child.inhrelid = i.indexrelid
    JOIN indexes AS x ON NOT x.is_deferred
                     AND child.inhparent = to_regclass(format('public.%I', x.name))
   WHERE parts.is_unfinished
  UNION ALL
  SELECT 6, name, format(E'ALTER TABLE public.usage_logs ATTACH PARTITION %s %s;'
                         '\nALTER TABLE %1$s DROP CONSTRAINT IF EXISTS usage_ingest_bound;', name,
                         bound)
    FROM parts
  UNION ALL
  SELECT 7, '', 'UPDATE usage_ingest.partitioning SET indexes = ''deferred'';'
)
SELECT string_agg(sql, E'\n' ORDER BY place, name) FROM statements)sql";

// A statement.
inline constexpr const char* kGiveBackLocks = R"sql(
SELECT 'SELECT usage_ingest.lock_tables(''ACCESS EXCLUSIVE'', '
       'ARRAY[''public.usage_logs_deferred_indexes'']); '
       'SELECT usage_ingest.lock_tables(''SHARE'', ARRAY[''public.usage_logs'']);')sql";

// Under these locks: would an index be built on rows? Others make indexes and partitions before.
inline constexpr const char* kLacksIndexes =
    "SELECT EXISTS (SELECT FROM usage_ingest.partition_indexes WHERE state <> 'valid' AND "
    "pg_relation_size(partition::regclass) > 0)";

// Statements. usage_logs adopts the indexes of its partitions: REQUIRES that each has them.
inline constexpr const char* kGiveBack = R"sql(
WITH statements AS (
  SELECT 1 AS place, '' AS name,
         'DROP TABLE IF EXISTS public.usage_logs_deferred_indexes;' AS sql
  UNION ALL
  SELECT 2, name, format('CREATE INDEX %I ON public.usage_logs %s;', name, definition)
    FROM usage_ingest.secondary_indexes() WHERE is_deferred
  UNION ALL
  SELECT 3, '', 'UPDATE usage_ingest.partitioning SET indexes = ''immediate'';'
)
SELECT string_agg(sql, E'\n' ORDER BY place, name) FROM statements)sql";

}  // namespace usage_ingest::postgres::migrate::sql
