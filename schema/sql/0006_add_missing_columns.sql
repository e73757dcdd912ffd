-- Columns that an existing table of LiteMaaS lacks. One that is there stays as it is, whatever its
-- type: what the daemon cannot work with was refused before the first step.
-- The declared tables (0003, 0004) are created as temporary ones beside this query, and rolled back.
-- Mode: plan
-- Shadow: 3 4
-- Locks: ACCESS EXCLUSIVE on the table for each column, for milliseconds (no rewrite, no scan:
--        constant defaults only, PostgreSQL manual, ALTER TABLE, Notes)
-- Time: milliseconds a column
-- Reversible: ALTER TABLE ... DROP COLUMN
WITH lacking AS (
    SELECT live.relname AS table_name,
           quote_ident(a.attname) AS column_name,
           regexp_replace(format_type(a.atttypid, a.atttypmod), 'pg_temp(_\d+)?\.', '')
               AS type_name,
           regexp_replace(pg_get_expr(d.adbin, d.adrelid), 'pg_temp(_\d+)?\.', '', 'g') AS expression,
           a.attgenerated <> '' AS generated,
           a.attnotnull AS not_null,
           (SELECT COALESCE(sum(pg_relation_size(leaf.relid)), 0) > 0
              FROM pg_partition_tree(live.oid) AS leaf) AS has_rows,
           a.attnum
      FROM pg_class AS wanted
      JOIN pg_class AS live ON live.relname = wanted.relname
       AND live.relnamespace = 'public'::regnamespace AND live.relkind IN ('r', 'p')
      JOIN pg_attribute AS a ON a.attrelid = wanted.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE wanted.relnamespace = pg_my_temp_schema() AND wanted.relkind IN ('r', 'p')
       AND NOT EXISTS (SELECT FROM pg_attribute AS there
                        WHERE there.attrelid = live.oid AND there.attname = a.attname
                          AND NOT there.attisdropped)
), described AS (
    SELECT *,
           -- Evaluated for each row, so adding it to a table with rows rewrites the table.
           has_rows AND (generated OR expression LIKE '%gen_random_uuid%') AS rewrites,
           format('ALTER TABLE public.%I ADD COLUMN IF NOT EXISTS %s %s%s%s', table_name,
                  column_name, type_name,
                  CASE WHEN generated THEN format(' GENERATED ALWAYS AS %s STORED', expression)
                       WHEN expression IS NOT NULL THEN ' DEFAULT ' || expression
                       ELSE '' END,
                  CASE WHEN not_null AND (expression IS NOT NULL OR NOT has_rows)
                       THEN ' NOT NULL' ELSE '' END) AS statement
      FROM lacking
)
SELECT CASE WHEN rewrites THEN 'note' ELSE 'run' END AS kind,
       statement,
       CASE WHEN rewrites
            THEN format('%s.%s is missing; adding it rewrites the table under ACCESS EXCLUSIVE, '
                        'so it is left to you', table_name, column_name)
            ELSE format('ACCESS EXCLUSIVE on %s, milliseconds', table_name) END AS remark
  FROM described
 ORDER BY table_name, attnum;
