-- A new partition is in the tablespace of usage_logs and, from PostgreSQL 17 on, has its access method: as PARTITION OF
-- does it (PostgreSQL manual, CREATE TABLE, "TABLESPACE" and "USING method"). LIKE copies neither for the table; for
-- its indexes it copies the tablespace. Other than there, a tablespace in which the owner of this function may create
-- nothing is left out: the usage of a month without a partition would become dead letters.
-- Mode: transaction
-- Locks: none by itself
-- Time: milliseconds
-- Reversible: the function of 0019
CREATE OR REPLACE FUNCTION usage_ingest.attach_partition(
    from_time TIMESTAMP WITH TIME ZONE, to_time TIMESTAMP WITH TIME ZONE)
RETURNS VOID
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
AS $$
DECLARE
    plain_name TEXT := 'usage_logs_' || to_char(
        from_time, CASE WHEN to_time - from_time = interval '1 day' THEN 'YYYY_MM_DD'
                        ELSE 'YYYY_MM' END);
    name TEXT := plain_name;
    parent RECORD;
    suffix INTEGER := 1;
BEGIN
    SELECT pg_get_userbyid(c.relowner) AS owner,
           COALESCE(' USING ' || quote_ident(m.amname), '')
             || COALESCE(' TABLESPACE ' || quote_ident(s.spcname), '') AS place
      INTO parent
      FROM pg_class AS c
      LEFT JOIN pg_am AS m ON m.oid = c.relam
      LEFT JOIN pg_tablespace AS s ON s.oid = c.reltablespace
                                  AND has_tablespace_privilege(s.oid, 'CREATE')
     WHERE c.oid = 'public.usage_logs'::regclass;
    -- A period in two pieces, or a table that retention detached and kept, has the plain name.
    WHILE to_regclass(format('public.%I', name)) IS NOT NULL LOOP
        suffix := suffix + 1;
        name := plain_name || '_' || suffix;
    END LOOP;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.usage_logs INCLUDING ALL)', name)
        || parent.place;
    IF parent.owner <> current_user THEN
        EXECUTE format('ALTER TABLE public.%I OWNER TO %I', name, parent.owner);
    END IF;
    -- What ATTACH locks; first what keeps no reader or writer out, the busiest last.
    LOCK TABLE ONLY public.usage_logs IN SHARE UPDATE EXCLUSIVE MODE;
    PERFORM usage_ingest.lock_tables(
        'SHARE ROW EXCLUSIVE', ARRAY['public.teams', 'public.api_keys', 'public.subscriptions']);
    EXECUTE format('ALTER TABLE public.usage_logs ATTACH PARTITION public.%I '
                   'FOR VALUES FROM (%L) TO (%L)', name, from_time, to_time);
END;
$$;
