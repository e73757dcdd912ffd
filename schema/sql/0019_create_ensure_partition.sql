-- Makes the partition of usage_logs for a day, or for its month, beside running readers and writers:
-- usage_ingest.partitioning says which; UTC. SECURITY DEFINER, because an ordinary role may not create partitions.
--
-- LIKE and ATTACH instead of PARTITION OF: that takes ACCESS EXCLUSIVE on usage_logs (PostgreSQL
-- manual, CREATE TABLE, PARTITION OF). ATTACH takes SHARE UPDATE EXCLUSIVE there, and SHARE ROW
-- EXCLUSIVE on subscriptions, api_keys and teams for the foreign keys that it copies. With foreign
-- keys made beforehand that would be ACCESS EXCLUSIVE.
-- Mode: transaction
-- Locks: none by itself
-- Time: milliseconds
-- Reversible: DROP FUNCTION
CREATE TABLE IF NOT EXISTS usage_ingest.partitioning (
    only_row BOOLEAN PRIMARY KEY DEFAULT true CHECK (only_row),
    unit TEXT NOT NULL DEFAULT 'month' CHECK (unit IN ('month', 'day'))
);
COMMENT ON TABLE usage_ingest.partitioning IS
    'what a new partition of usage_logs covers; migrate sets it as partitions.by says';
INSERT INTO usage_ingest.partitioning DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE OR REPLACE FUNCTION usage_ingest.partitions_of_usage_logs()
RETURNS TABLE (name TEXT, from_time TIMESTAMP WITH TIME ZONE, to_time TIMESTAMP WITH TIME ZONE,
               is_default BOOLEAN, detach_pending BOOLEAN)
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO, MDY'
AS $$
    -- An end that is open is MINVALUE or MAXVALUE without quotes, and matches nothing here.
    SELECT c.oid::regclass::text,
           COALESCE(substring(bound FROM 'FROM \(''([^'']+)''\)')::timestamptz,
                    CASE WHEN bound <> 'DEFAULT' THEN '-infinity'::timestamptz END),
           COALESCE(substring(bound FROM ' TO \(''([^'']+)''\)')::timestamptz,
                    CASE WHEN bound <> 'DEFAULT' THEN 'infinity'::timestamptz END),
           bound = 'DEFAULT',
           i.inhdetachpending
      FROM pg_inherits AS i
      JOIN pg_class AS c ON c.oid = i.inhrelid,
           pg_get_expr(c.relpartbound, c.oid) AS bound
     WHERE i.inhparent = 'public.usage_logs'::regclass
     ORDER BY 2 NULLS LAST;
$$;

-- The first days of the partitions that are needed from now on, the present one first.
CREATE OR REPLACE FUNCTION usage_ingest.partitions_ahead(months INTEGER, days INTEGER)
RETURNS SETOF DATE
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (date_trunc(p.unit, now() AT TIME ZONE 'UTC')
              + CASE p.unit WHEN 'day' THEN make_interval(days => n)
                            ELSE make_interval(months => n) END)::date
      FROM usage_ingest.partitioning AS p,
           generate_series(0, CASE p.unit WHEN 'day' THEN days ELSE months END) AS n
     ORDER BY n;
$$;

-- The period that holds `day` may be covered in part: by a partition of another unit, from before
-- the unit was changed, or by one that was made by hand. Then the rest of the period is made.
CREATE OR REPLACE FUNCTION usage_ingest.ensure_partition(day DATE)
RETURNS TEXT  -- 'created' | 'exists' | 'default'
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET DateStyle = 'ISO, MDY'
SET lock_timeout = '60ms'
AS $$
DECLARE
    unit CONSTANT TEXT := (SELECT p.unit FROM usage_ingest.partitioning AS p);
    period_start CONSTANT TIMESTAMP WITH TIME ZONE := date_trunc(unit, day::timestamp);
    period_end CONSTANT TIMESTAMP WITH TIME ZONE :=
        date_trunc(unit, day::timestamp) + ('1 ' || unit)::interval;
    part RECORD;
    position TIMESTAMP WITH TIME ZONE;
    outcome TEXT := 'exists';
BEGIN
    IF day IS NULL OR day < '1970-01-01' OR day >= '2200-01-01' THEN
        RAISE EXCEPTION 'no partition for %', day USING ERRCODE = '22023';
    END IF;
    -- One maker at a time, on every daemon; the number is arbitrary and ours.
    PERFORM pg_advisory_xact_lock(7305801562440212769);

    -- One whose detaching was interrupted takes no rows, and keeps another one from its place.
    FOR part IN
        SELECT p.name FROM usage_ingest.partitions_of_usage_logs() AS p
         WHERE p.detach_pending AND p.from_time < period_end AND p.to_time > period_start
    LOOP
        EXECUTE format('ALTER TABLE public.usage_logs DETACH PARTITION %s FINALIZE', part.name);
    END LOOP;

    -- Usually one gap, the whole period; less where a partition has other bounds.
    position := period_start;
    FOR part IN
        SELECT p.from_time, p.to_time FROM usage_ingest.partitions_of_usage_logs() AS p
         WHERE NOT p.is_default AND p.from_time < period_end AND p.to_time > period_start
        UNION ALL SELECT period_end, period_end
         ORDER BY 1
    LOOP
        IF part.from_time > position THEN
            BEGIN
                PERFORM usage_ingest.attach_partition(position, part.from_time);
                outcome := 'created';
            EXCEPTION WHEN check_violation THEN
                -- DEFAULT has rows of this time, and takes the others too.
                outcome := 'default';
            END;
        END IF;
        position := greatest(position, part.to_time);
    END LOOP;
    RETURN outcome;
END;
$$;

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
    owner NAME := (SELECT pg_get_userbyid(relowner) FROM pg_class
                    WHERE oid = 'public.usage_logs'::regclass);
    suffix INTEGER := 1;
BEGIN
    -- A period in two pieces, or a table that retention detached and kept, has the plain name.
    WHILE to_regclass(format('public.%I', name)) IS NOT NULL LOOP
        suffix := suffix + 1;
        name := plain_name || '_' || suffix;
    END LOOP;
    EXECUTE format('CREATE TABLE public.%I (LIKE public.usage_logs INCLUDING ALL)', name);
    IF owner <> current_user THEN
        EXECUTE format('ALTER TABLE public.%I OWNER TO %I', name, owner);
    END IF;
    -- What ATTACH locks; first what keeps no reader or writer out, the busiest last.
    LOCK TABLE ONLY public.usage_logs IN SHARE UPDATE EXCLUSIVE MODE;
    PERFORM usage_ingest.lock_tables(
        'SHARE ROW EXCLUSIVE', ARRAY['public.teams', 'public.api_keys', 'public.subscriptions']);
    EXECUTE format('ALTER TABLE public.usage_logs ATTACH PARTITION public.%I '
                   'FOR VALUES FROM (%L) TO (%L)', name, from_time, to_time);
END;
$$;

REVOKE ALL ON FUNCTION usage_ingest.ensure_partition(DATE) FROM PUBLIC;
REVOKE ALL ON FUNCTION usage_ingest.attach_partition(TIMESTAMPTZ, TIMESTAMPTZ) FROM PUBLIC;
