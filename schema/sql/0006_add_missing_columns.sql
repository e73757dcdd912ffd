-- Columns that an existing table of LiteMaaS lacks, with their foreign keys. One that is there stays
-- as it is, whatever its type: what the daemon cannot work with was refused before the first step.
-- Only sums that can become full are widened: INTEGER ends at 2^31 tokens. Now, because later steps make
-- triggers and views that name these columns, and PostgreSQL does not change the type of such a
-- column. A large table is left to a person, as is one that a view or trigger reads already.
-- The declared tables (0003, 0004) are created as temporary ones beside this query, and rolled back.
-- Mode: plan
-- Shadow: 3 4
-- Locks: ACCESS EXCLUSIVE on the table for each column, for milliseconds (no rewrite, no scan:
--        constant defaults only, PostgreSQL manual, ALTER TABLE, Notes); SHARE ROW EXCLUSIVE on both
--        tables of a foreign key, for milliseconds (NOT VALID, then VALIDATE beside writers); ACCESS
--        EXCLUSIVE while a small table with a narrow sum is rewritten, less than 100 ms
-- Time: milliseconds a column
-- Reversible: ALTER TABLE ... DROP COLUMN; the wider type does no harm
WITH live_tables AS (
    SELECT wanted.oid AS wanted_oid, live.oid AS live_oid, live.relname AS table_name, live.relkind,
           -- pg_partition_tree() is empty for a table that is not partitioned
           pg_relation_size(live.oid)
               + (SELECT COALESCE(sum(pg_relation_size(leaf.relid)), 0)
                    FROM pg_partition_tree(live.oid) AS leaf) > 0 AS has_rows
      FROM pg_class AS wanted
      JOIN pg_class AS live ON live.relname = wanted.relname
       AND live.relnamespace = 'public'::regnamespace AND live.relkind IN ('r', 'p')
     WHERE wanted.relnamespace = pg_my_temp_schema() AND wanted.relkind IN ('r', 'p')
), lacking AS (
    SELECT t.*, a.attnum, quote_ident(a.attname) AS column_name,
           regexp_replace(format_type(a.atttypid, a.atttypmod), 'pg_temp(_\d+)?\.', '')
               AS type_name,
           regexp_replace(pg_get_expr(d.adbin, d.adrelid), 'pg_temp(_\d+)?\.', '', 'g')
               AS expression,
           a.attgenerated <> '' AS generated, a.attnotnull AS not_null
      FROM live_tables AS t
      JOIN pg_attribute AS a ON a.attrelid = t.wanted_oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE NOT EXISTS (SELECT FROM pg_attribute AS there
                        WHERE there.attrelid = t.live_oid AND there.attname = a.attname
                          AND NOT there.attisdropped)
), described AS (
    SELECT *,
           -- Evaluated for each row, so adding it to a table with rows rewrites the table.
           has_rows AND (generated OR COALESCE(expression, '') LIKE '%gen_random_uuid%') AS rewrites,
           format('ALTER TABLE public.%I ADD COLUMN IF NOT EXISTS %s %s%s%s', table_name,
                  column_name, type_name,
                  CASE WHEN generated THEN format(' GENERATED ALWAYS AS %s STORED', expression)
                       WHEN expression IS NOT NULL THEN ' DEFAULT ' || expression
                       ELSE '' END,
                  CASE WHEN not_null AND (expression IS NOT NULL OR NOT has_rows)
                       THEN ' NOT NULL' ELSE '' END) AS statement
      FROM lacking
), narrow AS (
    SELECT t.table_name, t.live_oid, a.attnum, format('%I TYPE %s', a.attname, wide.type) AS change,
           EXISTS (SELECT FROM pg_depend AS d
                    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = t.live_oid
                      AND d.refobjsubid = a.attnum
                      AND d.classid IN ('pg_rewrite'::regclass, 'pg_trigger'::regclass)) AS is_read
      FROM (VALUES ('subscriptions', 'quota_tokens', 'integer', 'bigint'),
                   ('subscriptions', 'used_tokens', 'integer', 'bigint'),
                   ('usage_summaries', 'total_tokens', 'integer', 'bigint'),
                   ('usage_summaries', 'total_cost', 'numeric(10,6)', 'numeric(18,6)'))
           AS wide(table_name, column_name, present, type)
      JOIN live_tables AS t ON t.table_name = wide.table_name AND t.relkind = 'r'
      JOIN pg_attribute AS a ON a.attrelid = t.live_oid AND a.attname = wide.column_name
       AND format_type(a.atttypid, a.atttypmod) = wide.present AND NOT a.attisdropped
), widened AS (
    SELECT table_name, string_agg('ALTER COLUMN ' || change, ', ' ORDER BY attnum) AS changes,
           bool_or(is_read) AS is_read,
           pg_relation_size(live_oid) > 1024 * 1024 AS is_large
      FROM narrow GROUP BY table_name, live_oid
), steps AS (
    SELECT table_name, 0 AS attnum, 1 AS turn,
           CASE WHEN is_read OR is_large THEN 'note' ELSE 'run' END AS kind,
           format('ALTER TABLE public.%I %s', table_name, changes) AS statement,
           CASE WHEN is_read THEN 'a view or a trigger names a column of ' || table_name
                                  || ' that can become full; the end of migrate prints the SQL'
                WHEN is_large THEN 'sums of ' || table_name || ' can become full; to widen them '
                                   'rewrites the table under ACCESS EXCLUSIVE, so it is left to you'
                ELSE 'ACCESS EXCLUSIVE on ' || table_name || ' while it is rewritten, less than '
                     '100 ms' END AS remark
      FROM widened
    UNION ALL
    SELECT table_name, attnum, 1 AS turn, CASE WHEN rewrites THEN 'note' ELSE 'run' END AS kind,
           statement,
           CASE WHEN rewrites
                THEN format('%s.%s is missing; adding it rewrites the table under ACCESS '
                            'EXCLUSIVE, so it is left to you', table_name, column_name)
                ELSE format('ACCESS EXCLUSIVE on %s, milliseconds', table_name) END AS remark
      FROM described
    UNION ALL
    -- Foreign keys of the columns above. A partitioned table cannot have one NOT VALID.
    SELECT t.table_name, t.attnum, step.turn, 'run',
           CASE step.turn
           WHEN 2 THEN format('SELECT usage_ingest.lock_tables(''SHARE ROW EXCLUSIVE'', '
                              'ARRAY[''public.%I'', ''public.%I'']); ', t.table_name,
                              (SELECT relname FROM pg_class WHERE oid = k.confrelid))
           ELSE '' END
               || format('ALTER TABLE public.%I ', t.table_name)
               || CASE step.turn
                  WHEN 2 THEN format('ADD CONSTRAINT %I %s NOT VALID', k.conname,
                                     regexp_replace(pg_get_constraintdef(k.oid),
                                                    'REFERENCES (pg_temp(_\d+)?\.)?',
                                                    'REFERENCES public.'))
                  ELSE format('VALIDATE CONSTRAINT %I', k.conname) END,
           CASE step.turn
           WHEN 2 THEN format('SHARE ROW EXCLUSIVE on %s and the table it refers to, milliseconds',
                              t.table_name)
           ELSE format('SHARE UPDATE EXCLUSIVE on %s', t.table_name) END
      FROM described AS t
      JOIN pg_constraint AS k ON k.conrelid = t.wanted_oid AND k.contype = 'f'
       AND k.conkey = ARRAY[t.attnum]
     CROSS JOIN (VALUES (2), (3)) AS step(turn)
     WHERE t.relkind = 'r' AND NOT t.rewrites
       AND NOT EXISTS (SELECT FROM pg_constraint AS there
                        WHERE there.conrelid = t.live_oid AND there.conname = k.conname)
)
SELECT kind, statement, remark FROM steps ORDER BY table_name, attnum, turn;
