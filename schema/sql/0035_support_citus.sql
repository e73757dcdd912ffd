-- What a usage_logs needs that Citus distributes: whether it is, in one place; the size of a partition; and a
-- trigger for the parents that does at a DELETE what the foreign keys did. `migrate --citus` uses them.
-- Mode: transaction
-- Locks: none
-- Time: milliseconds
-- Reversible: DROP FUNCTION, after `migrate --no-citus`
CREATE OR REPLACE FUNCTION usage_ingest.rows_are_distributed()
RETURNS BOOLEAN
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Two statements: without Citus there is no such table, and the second one is not looked at.
    -- 'h': in shards, by a hash. Citus may also manage a table that stays on the coordinator.
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN
        RETURN false;
    END IF;
    RETURN EXISTS (SELECT 1 FROM pg_catalog.pg_dist_partition
                    WHERE logicalrelid = to_regclass('public.usage_logs') AND partmethod = 'h');
END;
$$;

-- With indexes. A distributed partition is empty on the coordinator.
CREATE OR REPLACE FUNCTION usage_ingest.bytes_of_partition(partition REGCLASS)
RETURNS BIGINT
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF usage_ingest.rows_are_distributed() THEN
        RETURN pg_catalog.citus_total_relation_size(partition);
    END IF;
    RETURN pg_catalog.pg_total_relation_size(partition);
END;
$$;

-- For a statement that reads local tables, too: Citus joins neither with a subquery that refers to them.
CREATE OR REPLACE FUNCTION usage_ingest.row_is_there(
    row_id UUID, created TIMESTAMP WITH TIME ZONE)
RETURNS BOOLEAN
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM public.usage_logs AS u
                    WHERE u.id = row_id AND u.created_at = created);
END;
$$;

-- Its arguments: the constraint, the column of usage_logs, the column of the parent, the action. The way back
-- makes the keys again from them. The values go through a variable, because Citus cannot read a transition
-- table in a statement that it distributes.
-- SECURITY DEFINER, because who may delete a parent needs no right on usage_logs, as with a foreign key.
CREATE OR REPLACE FUNCTION usage_ingest.act_as_foreign_key()
RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    key CONSTANT TEXT := TG_ARGV[0];
    action CONSTANT TEXT := TG_ARGV[3];
    gone_values TEXT[];
    rows TEXT;
    is_used BOOLEAN;
BEGIN
    EXECUTE format('SELECT array_agg(%I::text) FROM gone', TG_ARGV[2]) INTO gone_values;
    IF gone_values IS NULL THEN
        RETURN NULL;
    END IF;
    rows := format('%I = ANY (%L)', TG_ARGV[1], gone_values::text);
    IF action = 'CASCADE' THEN
        EXECUTE 'DELETE FROM public.usage_logs WHERE ' || rows;
    ELSIF action = 'SET NULL' THEN
        EXECUTE format('UPDATE public.usage_logs SET %I = NULL WHERE %s', TG_ARGV[1], rows);
    ELSE
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.usage_logs WHERE %s)', rows) INTO is_used;
        IF is_used THEN
            RAISE foreign_key_violation USING
                MESSAGE = format('rows of usage_logs refer to what is deleted from %I (%s)', TG_TABLE_NAME, key),
                CONSTRAINT = key;
        END IF;
    END IF;
    RETURN NULL;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.act_as_foreign_key() FROM PUBLIC;
