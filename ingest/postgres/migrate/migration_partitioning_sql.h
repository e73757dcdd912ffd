#pragma once
// The SQL of PartitionUsageLogs.
//
// Source        PostgreSQL 15 manual, ALTER TABLE, "ATTACH PARTITION" (a CHECK that implies the
//               bound spares the scan), "SET NOT NULL" (the same), "ADD
//               table_constraint_using_index".

namespace usage_ingest::postgres::migrate::sql {

// What stands in the way, with the SQL for a person.
inline constexpr const char* kPartitioningObstacles = R"sql(
SELECT format('table %s refers to it', c.conrelid::regclass),
       format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname)
  FROM pg_constraint AS c WHERE c.contype = 'f' AND c.confrelid = 'public.usage_logs'::regclass
UNION ALL
SELECT format('materialized view %s reads it', v.oid::regclass),
       format('DROP MATERIALIZED VIEW %s, and create it again afterwards', v.oid::regclass)
  FROM pg_depend AS d
  JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
  JOIN pg_class AS v ON v.oid = r.ev_class AND v.relkind = 'm'
 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = 'public.usage_logs'::regclass
UNION ALL
SELECT format('function %s is bound to it (BEGIN ATOMIC)', d.objid::regprocedure),
       format('DROP FUNCTION %s, and create it again afterwards', d.objid::regprocedure)
  FROM pg_depend AS d
 WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass
   AND d.refobjid = 'public.usage_logs'::regclass
UNION ALL
SELECT 'it has row security, which would have to be moved',
       'ALTER TABLE public.usage_logs DISABLE ROW LEVEL SECURITY'
  FROM pg_class WHERE oid = 'public.usage_logs'::regclass AND relrowsecurity
UNION ALL
SELECT format('publication %I names it, and its subscribers know the old table', p.pubname),
       format('ALTER PUBLICATION %I DROP TABLE public.usage_logs, and ADD it again afterwards',
              p.pubname)
  FROM pg_publication_rel AS r JOIN pg_publication AS p ON p.oid = r.prpubid
 WHERE r.prrelid = 'public.usage_logs'::regclass
UNION ALL
SELECT format('column %I is an identity, which a partition cannot have', attname),
       format('ALTER TABLE public.usage_logs ALTER COLUMN %1$I DROP IDENTITY, '
              'ALTER COLUMN %1$I DROP NOT NULL', attname)
  FROM pg_attribute
 WHERE attrelid = 'public.usage_logs'::regclass AND attidentity <> '' AND NOT attisdropped
UNION ALL
SELECT format('it inherits from %s', i.inhparent::regclass),
       format('ALTER TABLE public.usage_logs NO INHERIT %s', i.inhparent::regclass)
  FROM pg_inherits AS i
 WHERE i.inhrelid = 'public.usage_logs'::regclass
UNION ALL
-- Only NO INHERIT would hide the rows of the child.
SELECT format('table %s inherits from it', i.inhrelid::regclass),
       format('BEGIN; INSERT INTO public.usage_logs (%1$s) SELECT %1$s FROM %2$s; '
              'ALTER TABLE %2$s NO INHERIT public.usage_logs; COMMIT', own.columns,
              i.inhrelid::regclass)
  FROM pg_inherits AS i,
       (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns FROM pg_attribute
         WHERE attrelid = 'public.usage_logs'::regclass AND attnum > 0 AND NOT attisdropped
           AND attgenerated = '') AS own
 WHERE i.inhparent = 'public.usage_logs'::regclass
UNION ALL
SELECT format('view %s, which has to be made again, belongs to %s', v.oid::regclass,
              v.relowner::regrole),
       format('GRANT %s TO %I', v.relowner::regrole, current_user)
  FROM (SELECT DISTINCT r.ev_class FROM pg_depend AS d
          JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
         WHERE d.refclassid = 'pg_class'::regclass
           AND d.refobjid = 'public.usage_logs'::regclass) AS readers
  JOIN pg_class AS v ON v.oid = readers.ev_class AND v.relkind = 'v'
 WHERE NOT pg_has_role(v.relowner, 'USAGE')
UNION ALL
SELECT format('rule %s rewrites its statements', r.rulename),
       format('DROP RULE %I ON public.usage_logs', r.rulename)
  FROM pg_rewrite AS r WHERE r.ev_class = 'public.usage_logs'::regclass)sql";

// How far the preparations are: key there, key broken, bound there, bound checked, its end, whether
// that end is still far enough, whether there are rows, planner's count of them.
inline constexpr const char* kPartitioningState = R"sql(
SELECT EXISTS (SELECT FROM pg_index AS i
                WHERE i.indrelid = t.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
                  AND i.indexprs IS NULL
                  AND (SELECT array_agg(a.attname ORDER BY k.ordinality)
                         FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS k(attnum, ordinality)
                         JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = k.attnum)
                      = ARRAY['id', 'created_at']::name[]),
       to_regclass('public.usage_ingest_usage_logs_key') IS NOT NULL,
       bound.oid IS NOT NULL, COALESCE(bound.convalidated, false),
       finish.at::text,
       COALESCE(finish.at > now() + interval '20 days', false),
       pg_relation_size(t.oid) > 0, t.reltuples::bigint
  FROM pg_class AS t
  LEFT JOIN pg_constraint AS bound
    ON bound.conrelid = t.oid AND bound.conname = 'usage_ingest_bound'
 CROSS JOIN LATERAL (
    SELECT substring(pg_get_constraintdef(bound.oid) FROM 'created_at < ''([^'']+)''')::timestamptz
 ) AS finish(at)
 WHERE t.oid = 'public.usage_logs'::regclass)sql";

// Where the old table's partition is to end: far enough that rows of now fit until it is attached,
// and beyond every row that is there.
inline constexpr const char* kPartitioningEnd = R"sql(
SELECT (date_trunc('month', greatest(now(), max(created_at))) + interval '2 months')::text
  FROM public.usage_logs)sql";

// The rename, as one block: what depends on the old table is read before it and made again after
// it. {0} is the end of the old table's partition.
inline constexpr const char* kPartitioningSwap = R"sql(
SELECT usage_ingest.lock_tables('ACCESS EXCLUSIVE', ARRAY['public.usage_logs'],
                                now() + current_setting('lock_timeout')::interval);
SELECT usage_ingest.lock_tables(
           'SHARE ROW EXCLUSIVE',
           ARRAY(SELECT confrelid::regclass::text FROM pg_constraint
                  WHERE conrelid = 'public.usage_logs'::regclass AND contype = 'f' ORDER BY 1),
           now() + current_setting('lock_timeout')::interval);
DO $swap$
DECLARE
    finish CONSTANT TIMESTAMP WITH TIME ZONE := '{0}';
    old CONSTANT REGCLASS := 'public.usage_logs';
    history CONSTANT TEXT := 'usage_logs_before_' || to_char(finish, 'YYYY_MM');
    has_rows CONSTANT BOOLEAN := EXISTS (SELECT FROM public.usage_logs);
    statements TEXT[] := ARRAY[]::TEXT[];  -- what makes the new table's surroundings
    statement TEXT;
    thing RECORD;
BEGIN
    -- Indexes other than keys; a unique one without created_at cannot be on a partitioned table.
    FOR thing IN
        SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition
          FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
         WHERE i.indrelid = old AND i.indisvalid AND NOT i.indisprimary
           AND c.relname <> 'usage_ingest_usage_logs_key'
           AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = c.oid)
           AND (NOT i.indisunique
                OR EXISTS (SELECT FROM pg_attribute AS a
                            WHERE a.attrelid = old AND a.attname = 'created_at'
                              AND a.attnum = ANY (i.indkey)))
    LOOP
        EXECUTE format('ALTER INDEX public.%I RENAME TO %I', thing.name,
                       left(thing.name, 40) || substring(history FROM 11));
        statements := statements || thing.definition;
    END LOOP;

    FOR thing IN
        SELECT k.conname AS name, pg_get_constraintdef(k.oid) AS definition
          FROM pg_constraint AS k WHERE k.conrelid = old AND k.contype = 'f'
    LOOP
        statements := statements || format('ALTER TABLE public.usage_logs ADD CONSTRAINT %I %s',
                                           thing.name, thing.definition);
    END LOOP;

    FOR thing IN
        SELECT t.tgname AS name, pg_get_triggerdef(t.oid) AS definition,
               CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS'
                                WHEN 'R' THEN 'ENABLE REPLICA' END AS state
          FROM pg_trigger AS t WHERE t.tgrelid = old AND NOT t.tgisinternal
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', thing.name, old);
        statements := statements || thing.definition;
        IF thing.state IS NOT NULL THEN
            statements := statements || format('ALTER TABLE public.usage_logs %s TRIGGER %I',
                                               thing.state, thing.name);
        END IF;
    END LOOP;

    -- Views are bound to the old table: the same text binds them to the new one.
    FOR thing IN
        SELECT DISTINCT v.oid::regclass AS name, pg_get_viewdef(v.oid) AS definition,
               COALESCE(' WITH (' || array_to_string(v.reloptions, ', ') || ')', '') AS options
          FROM pg_depend AS d
          JOIN pg_rewrite AS r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
          JOIN pg_class AS v ON v.oid = r.ev_class AND v.relkind = 'v'
         WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = old
    LOOP
        statements := statements || format('CREATE OR REPLACE VIEW %s%s AS %s', thing.name,
                                           thing.options, thing.definition);
    END LOOP;

    FOR thing IN
        SELECT acl.privilege_type AS privilege, acl.is_grantable AS grantable, acl.part,
               CASE acl.grantee WHEN 0 THEN 'PUBLIC'
                                ELSE quote_ident(pg_get_userbyid(acl.grantee)) END AS grantee
          FROM (SELECT '' AS part, e.* FROM pg_class AS c, aclexplode(c.relacl) AS e
                 WHERE c.oid = old AND e.grantee <> c.relowner
                UNION ALL
                SELECT format(' (%I)', a.attname), e.*
                  FROM pg_attribute AS a, aclexplode(a.attacl) AS e
                 WHERE a.attrelid = old AND NOT a.attisdropped) AS acl
    LOOP
        statements := statements || format(
            'GRANT %s%s ON public.usage_logs TO %s%s', thing.privilege, thing.part, thing.grantee,
            CASE WHEN thing.grantable THEN ' WITH GRANT OPTION' ELSE '' END);
    END LOOP;
    statements := statements || format(
        'ALTER TABLE public.usage_logs OWNER TO %I',
        (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = old));

    -- A serial column's sequence would be dropped with the old table.
    FOR thing IN
        SELECT d.objid::regclass AS name, a.attname AS attribute
          FROM pg_depend AS d
          JOIN pg_attribute AS a ON a.attrelid = old AND a.attnum = d.refobjsubid
         WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
           AND d.refobjid = old AND d.deptype = 'a'
           AND (SELECT relkind FROM pg_class WHERE oid = d.objid) = 'S'
    LOOP
        statements := statements || format('ALTER SEQUENCE %s OWNED BY public.usage_logs.%I',
                                           thing.name, thing.attribute);
    END LOOP;

    -- The old table's key becomes (id, created_at), as that of its new parent.
    FOR thing IN
        SELECT conname AS name FROM pg_constraint WHERE conrelid = old AND contype = 'p'
    LOOP
        IF to_regclass('public.usage_ingest_usage_logs_key') IS NULL THEN
            EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', old, thing.name,
                           history || '_pkey');
        ELSE
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', old, thing.name);
        END IF;
    END LOOP;
    ALTER TABLE public.usage_logs ALTER COLUMN id SET NOT NULL, ALTER COLUMN created_at SET NOT NULL;
    IF to_regclass('public.usage_ingest_usage_logs_key') IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I PRIMARY KEY USING INDEX '
                       'usage_ingest_usage_logs_key', old, history || '_pkey');
    END IF;

    EXECUTE format('ALTER TABLE %s RENAME TO %I', old, history);
    EXECUTE format('CREATE TABLE public.usage_logs (LIKE public.%I INCLUDING ALL EXCLUDING INDEXES) '
                   'PARTITION BY RANGE (created_at)', history)
        -- new partitions are where the old table is
        || COALESCE((SELECT format(' TABLESPACE %I', s.spcname)
                       FROM pg_class AS c JOIN pg_tablespace AS s ON s.oid = c.reltablespace
                      WHERE c.oid = format('public.%I', history)::regclass), '');
    ALTER TABLE public.usage_logs DROP CONSTRAINT IF EXISTS usage_ingest_bound,
        ADD PRIMARY KEY (id, created_at);
    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;

    IF has_rows THEN
        EXECUTE format('ALTER TABLE public.usage_logs ATTACH PARTITION public.%I '
                       'FOR VALUES FROM (MINVALUE) TO (%L)', history, finish);
        EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT usage_ingest_bound', history);
    ELSE
        EXECUTE format('DROP TABLE public.%I', history);
    END IF;
END
$swap$)sql";

}  // namespace usage_ingest::postgres::migrate::sql
