#pragma once
// The SQL of SetDistribution.

namespace usage_ingest::postgres::migrate::sql {

// What is missing, and the SQL that adds it, for a person.
inline constexpr const char* kCitusObstacles = R"sql(
SELECT 'the extension citus is not there',
       'CREATE EXTENSION citus, on the coordinator and on each worker (shared_preload_libraries = '
       '''citus'' first), then SELECT citus_add_node(''<worker>'', 5432) on the coordinator'
 WHERE to_regclass('pg_catalog.pg_dist_partition') IS NULL)sql";

inline constexpr const char* kNodeObstacles = R"sql(
SELECT 'no worker is known', 'SELECT citus_add_node(''<worker>'', 5432)'
 WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_dist_node
                    WHERE noderole = 'primary' AND isactive AND shouldhaveshards AND groupid <> 0))sql";

// What Citus would refuse at the table itself, or what would be lost. Without the table: nothing.
inline constexpr const char* kTableObstacles = R"sql(
SELECT format('trigger %I on usage_logs: a distributed table has none', t.tgname),
       format('DROP TRIGGER %I ON public.usage_logs', t.tgname)
  FROM pg_trigger AS t
 WHERE t.tgrelid = to_regclass('public.usage_logs') AND NOT t.tgisinternal
   AND t.tgname <> 'update_usage_on_log'
UNION ALL
SELECT format('foreign key %I of usage_logs: no trigger can act as it', c.conname),
       format('ALTER TABLE public.usage_logs DROP CONSTRAINT %I', c.conname)
  FROM pg_constraint AS c
 WHERE c.conrelid = to_regclass('public.usage_logs') AND c.contype = 'f'
   AND (cardinality(c.conkey) <> 1 OR c.confdeltype = 'd')
UNION ALL
SELECT format('table %s refers to it', c.conrelid::regclass),
       format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname)
  FROM pg_constraint AS c
 WHERE c.contype = 'f' AND c.confrelid = to_regclass('public.usage_logs')
UNION ALL
SELECT format('index %s is unique without id', i.indexrelid::regclass),
       format('DROP INDEX %s', i.indexrelid::regclass)
  FROM pg_index AS i
  JOIN pg_partition_tree(to_regclass('public.usage_logs')) AS leaf ON leaf.relid = i.indrelid
  LEFT JOIN pg_attribute AS id ON id.attrelid = i.indrelid AND id.attname = 'id'
 WHERE i.indisunique AND NOT id.attnum = ANY (i.indkey)
   AND NOT EXISTS (SELECT FROM pg_inherits AS parent WHERE parent.inhrelid = i.indexrelid)
UNION ALL
SELECT format('partition %s is no ordinary table', c.oid::regclass),
       format('ALTER TABLE public.usage_logs DETACH PARTITION %s, then INSERT its rows into usage_logs',
              c.oid::regclass)
  FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = to_regclass('public.usage_logs') AND c.relkind <> 'r'
UNION ALL
SELECT format('partition %s is being detached', i.inhrelid::regclass),
       format('ALTER TABLE public.usage_logs DETACH PARTITION %s FINALIZE', i.inhrelid::regclass)
  FROM pg_inherits AS i
 WHERE i.inhparent = to_regclass('public.usage_logs') AND i.inhdetachpending
UNION ALL
SELECT 'it has row security', 'ALTER TABLE public.usage_logs DISABLE ROW LEVEL SECURITY'
  FROM pg_class WHERE oid = to_regclass('public.usage_logs') AND relrowsecurity)sql";

// Statements, or NULL. The tables are locked in the order of every writer, usage_logs last; all of
// them together may take no longer than lock_timeout.
inline constexpr const char* kReplaceKeys = R"sql(
WITH keys AS (
  SELECT c.conname, c.confrelid, a.attname AS own_column, p.attname AS parent_column,
         CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL'
                            WHEN 'r' THEN 'RESTRICT' ELSE 'NO ACTION' END AS action
    FROM pg_constraint AS c
    JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
    JOIN pg_attribute AS p ON p.attrelid = c.confrelid AND p.attnum = c.confkey[1]
   WHERE c.conrelid = to_regclass('public.usage_logs') AND c.contype = 'f'
), statements AS (
  SELECT 1 AS place, conname, format(
             'CREATE OR REPLACE TRIGGER %I AFTER DELETE ON %s REFERENCING OLD TABLE AS gone FOR EACH '
             'STATEMENT EXECUTE FUNCTION usage_ingest.act_as_foreign_key(%L, %L, %L, %L);',
             left('usage_ingest_' || conname, 63), confrelid::regclass, conname, own_column,
             parent_column, action) AS sql
    FROM keys
  UNION ALL
  SELECT 2, conname, format('ALTER TABLE public.usage_logs DROP CONSTRAINT %I;', conname) FROM keys
  UNION ALL
  SELECT 3, tgname, format('DROP TRIGGER %I ON public.usage_logs;', tgname) FROM pg_trigger
   WHERE tgrelid = to_regclass('public.usage_logs') AND tgname = 'update_usage_on_log'
)
SELECT format(E'SELECT usage_ingest.lock_tables(''ACCESS EXCLUSIVE'', %L);\n',
              ARRAY(SELECT DISTINCT confrelid::regclass::text FROM keys
                     WHERE confrelid <> to_regclass('public.subscriptions') ORDER BY 1)
                || ARRAY['public.subscriptions', 'public.usage_logs'])
       || string_agg(sql, E'\n' ORDER BY place, conname)
  FROM statements)sql";

// The rows that stay on the coordinator are not seen any more. Citus removes them from the
// partitions only when each is named.
inline constexpr const char* kDistribute =
    "SELECT create_distributed_table('public.usage_logs', 'id');\n"
    "SELECT truncate_local_data_after_distributing_table(inhrelid) FROM pg_inherits WHERE "
    "inhparent = 'public.usage_logs'::regclass AND pg_relation_size(inhrelid) > 0;";

// Statements. Citus makes usage_logs again, and the views that read it, these without grants.
inline constexpr const char* kUndistribute = R"sql(
WITH RECURSIVE readers(oid) AS (
  SELECT 'public.usage_logs'::regclass::oid
  UNION
  SELECT r.ev_class
    FROM readers
    JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = readers.oid
    JOIN pg_rewrite AS r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
), grants AS (
  SELECT format(E'\nGRANT %s ON %I.%I TO %s%s;', acl.privilege_type, n.nspname, v.relname,
                CASE acl.grantee WHEN 0 THEN 'PUBLIC'
                     ELSE quote_ident(pg_get_userbyid(acl.grantee)) END,
                CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS sql
    FROM readers
    JOIN pg_class AS v ON v.oid = readers.oid AND v.relkind = 'v'
    JOIN pg_namespace AS n ON n.oid = v.relnamespace, aclexplode(v.relacl) AS acl
   WHERE acl.grantee <> v.relowner
)
SELECT 'SELECT undistribute_table(''public.usage_logs'');'
       || COALESCE((SELECT string_agg(sql, '' ORDER BY sql) FROM grants), ''))sql";

// Statements, or NULL: the keys from the arguments of the triggers, and the trigger of 0015.
inline constexpr const char* kRestoreKeys = R"sql(
WITH keys AS (
  SELECT t.tgname, t.tgrelid,
         string_to_array(encode(t.tgargs, 'escape'), '\000') AS args
    FROM pg_trigger AS t
   WHERE t.tgfoid = to_regprocedure('usage_ingest.act_as_foreign_key()') AND NOT t.tgisinternal
), statements AS (
  SELECT 1 AS place, tgname, format('DROP TRIGGER %I ON %s;', tgname, tgrelid::regclass) AS sql
    FROM keys
  UNION ALL
  SELECT 2, tgname, format('ALTER TABLE public.usage_logs ADD CONSTRAINT %I FOREIGN KEY (%I) '
                           'REFERENCES %s (%I) ON DELETE %s;', args[1], args[2], tgrelid::regclass,
                           args[3], CASE WHEN args[4] IN ('CASCADE', 'SET NULL', 'RESTRICT')
                                         THEN args[4] ELSE 'NO ACTION' END)
    FROM keys
  UNION ALL
  SELECT 3, '', 'CREATE TRIGGER update_usage_on_log AFTER INSERT ON public.usage_logs FOR EACH ROW '
                'WHEN (current_setting(''usage_ingest.aggregating'', true) IS DISTINCT FROM ''on'') '
                'EXECUTE FUNCTION public.update_usage_summary();'
   WHERE EXISTS (SELECT FROM keys)
     AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = to_regclass('public.usage_logs')
                        AND tgname = 'update_usage_on_log')
)
SELECT string_agg(sql, E'\n' ORDER BY place, tgname) FROM statements)sql";

}  // namespace usage_ingest::postgres::migrate::sql
