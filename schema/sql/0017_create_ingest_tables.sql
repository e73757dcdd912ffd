-- What the daemon keeps for itself. Only key_history refers to a table of LiteMaaS.
-- Mode: transaction
-- Locks: SHARE ROW EXCLUSIVE on api_keys, for milliseconds (the foreign key of an empty table)
-- Time: milliseconds
-- Reversible: DROP TABLE; without kafka_offsets the daemon begins where its `start` says, and rows
--             that are there count as duplicates
CREATE TABLE IF NOT EXISTS usage_ingest.kafka_offsets (
    group_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    records BIGINT NOT NULL DEFAULT 0,
    events BIGINT NOT NULL DEFAULT 0,
    inserted BIGINT NOT NULL DEFAULT 0,
    duplicates BIGINT NOT NULL DEFAULT 0,
    dead_lettered BIGINT NOT NULL DEFAULT 0,
    skipped BIGINT NOT NULL DEFAULT 0,
    gap_records BIGINT NOT NULL DEFAULT 0,
    last_timestamp BIGINT,
    last_hash BIGINT,
    last_leader_epoch INTEGER,
    topic_id TEXT NOT NULL DEFAULT '',
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (group_id, topic, partition)
) WITH (fillfactor = 70);
COMMENT ON TABLE usage_ingest.kafka_offsets IS
    'where each partition goes on, and what became of the events below that (INV-1)';
COMMENT ON COLUMN usage_ingest.kafka_offsets.last_timestamp IS
    'of the last record before next_offset: Kafka timestamp, milliseconds since 1970';
COMMENT ON COLUMN usage_ingest.kafka_offsets.last_hash IS
    'of the last record before next_offset: XXH3-64 of its value; another one means another log';
COMMENT ON COLUMN usage_ingest.kafka_offsets.last_leader_epoch IS
    'of the last record before next_offset: which leader appended it; -1 when unknown';
COMMENT ON COLUMN usage_ingest.kafka_offsets.topic_id IS
    'which log next_offset is about: Kafka''s id of the topic, empty when unknown';

CREATE TABLE IF NOT EXISTS usage_ingest.dead_letters (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id TEXT NOT NULL,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    topic_id TEXT NOT NULL DEFAULT '',  -- these two tell logs apart, as in kafka_offsets
    leader_epoch INTEGER NOT NULL DEFAULT -1,
    record_offset BIGINT NOT NULL,
    event_index INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL,
    detail TEXT,
    key_hash TEXT,  -- these three as the event has them
    user_id TEXT,
    model_id TEXT,
    event_id TEXT,
    event_time TIMESTAMP WITH TIME ZONE,
    counts_quotas BOOLEAN NOT NULL DEFAULT true,  -- false: read with --no-quota
    payload BYTEA,
    state TEXT NOT NULL DEFAULT 'pending'
        CHECK (state IN ('pending', 'resolved', 'duplicate', 'discarded')),
    attempts INTEGER NOT NULL DEFAULT 0,
    first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    last_attempt_at TIMESTAMP WITH TIME ZONE,
    UNIQUE (topic, partition, topic_id, leader_epoch, record_offset, event_index)
);
-- what is retried, least lately tried first, and what is removed once finished
CREATE INDEX IF NOT EXISTS dead_letters_pending ON usage_ingest.dead_letters
    (reason, last_attempt_at NULLS FIRST, id) WHERE state = 'pending';
-- what a key, a user or a subscription that is new can give an owner
CREATE INDEX IF NOT EXISTS dead_letters_of_key ON usage_ingest.dead_letters
    (key_hash) WHERE state = 'pending' AND reason = 'unattributed';
CREATE INDEX IF NOT EXISTS dead_letters_of_user ON usage_ingest.dead_letters
    (user_id) WHERE state = 'pending' AND reason = 'unattributed';
CREATE INDEX IF NOT EXISTS dead_letters_finished ON usage_ingest.dead_letters
    (last_attempt_at) WHERE state <> 'pending';

-- How many are pending, without counting them: each statement adds a row, so that no writer waits
-- for another, and housekeeping adds the rows up.
CREATE TABLE IF NOT EXISTS usage_ingest.pending_changes (
    reason TEXT NOT NULL,
    letters BIGINT NOT NULL  -- more, or fewer when negative
);
COMMENT ON TABLE usage_ingest.pending_changes IS
    'the sum is the number of pending dead letters';

-- SECURITY DEFINER: who may erase dead letters needs no right on the count.
CREATE OR REPLACE FUNCTION usage_ingest.count_pending() RETURNS TRIGGER
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        DELETE FROM usage_ingest.pending_changes;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO usage_ingest.pending_changes (reason, letters)
        SELECT reason, count(*) FROM added WHERE state = 'pending' GROUP BY reason;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO usage_ingest.pending_changes (reason, letters)
        SELECT reason, -count(*) FROM removed WHERE state = 'pending' GROUP BY reason;
    ELSE
        INSERT INTO usage_ingest.pending_changes (reason, letters)
        SELECT reason, sum(n) FROM (
            SELECT reason, 1 AS n FROM added WHERE state = 'pending'
            UNION ALL
            SELECT reason, -1 FROM removed WHERE state = 'pending') AS c
        GROUP BY reason HAVING sum(n) <> 0;
    END IF;
    RETURN NULL;
END;
$$;
REVOKE ALL ON FUNCTION usage_ingest.count_pending() FROM PUBLIC;
CREATE OR REPLACE TRIGGER count_added AFTER INSERT ON usage_ingest.dead_letters
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_ingest.count_pending();
CREATE OR REPLACE TRIGGER count_changed AFTER UPDATE ON usage_ingest.dead_letters
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION usage_ingest.count_pending();
CREATE OR REPLACE TRIGGER count_removed AFTER DELETE ON usage_ingest.dead_letters
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION usage_ingest.count_pending();
CREATE OR REPLACE TRIGGER count_truncated AFTER TRUNCATE ON usage_ingest.dead_letters
    FOR EACH STATEMENT EXECUTE FUNCTION usage_ingest.count_pending();

-- An INSERT needs no right on the sequence of an identity column, and this needs UPDATE.
CREATE OR REPLACE FUNCTION usage_ingest.advance_dead_letter_ids() RETURNS VOID
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT setval('usage_ingest.dead_letters_id_seq'::regclass, last.id)
      FROM (SELECT max(id) AS id FROM usage_ingest.dead_letters) AS last,
           usage_ingest.dead_letters_id_seq AS seq
     WHERE last.id > seq.last_value;
$$;
REVOKE ALL ON FUNCTION usage_ingest.advance_dead_letter_ids() FROM PUBLIC;

CREATE TABLE IF NOT EXISTS usage_ingest.replays (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    who TEXT NOT NULL DEFAULT session_user,
    kind TEXT NOT NULL CHECK (kind IN ('replay', 'import')),
    topic TEXT NOT NULL,  -- import:<sha256 of the file> for a file
    partition INTEGER NOT NULL DEFAULT 0,
    topic_id TEXT NOT NULL DEFAULT '',
    from_offset BIGINT NOT NULL,
    to_offset BIGINT NOT NULL,  -- exclusive
    from_time_ms BIGINT,  -- of a range by time: Kafka's timestamps, milliseconds since 1970
    to_time_ms BIGINT,  -- exclusive
    next_offset BIGINT NOT NULL,  -- where an interrupted one goes on
    quota BOOLEAN NOT NULL DEFAULT true,
    outcome TEXT NOT NULL DEFAULT 'running'
        CHECK (outcome IN ('running', 'finished', 'interrupted', 'failed')),
    detail TEXT,
    records BIGINT NOT NULL DEFAULT 0,
    events BIGINT NOT NULL DEFAULT 0,
    inserted BIGINT NOT NULL DEFAULT 0,
    duplicates BIGINT NOT NULL DEFAULT 0,
    dead_lettered BIGINT NOT NULL DEFAULT 0,
    skipped BIGINT NOT NULL DEFAULT 0,
    started_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX IF NOT EXISTS replays_range ON usage_ingest.replays
    (topic, partition, from_offset, to_offset);
COMMENT ON TABLE usage_ingest.replays IS
    'who read which range again, and what came of it; kafka_offsets does not move';

-- The summaries of these times are all that is left of their rows.
CREATE TABLE IF NOT EXISTS usage_ingest.retired_partitions (
    table_oid OID PRIMARY KEY,
    table_name TEXT NOT NULL,
    from_time TIMESTAMP WITH TIME ZONE NOT NULL,
    to_time TIMESTAMP WITH TIME ZONE NOT NULL,
    is_to_be_dropped BOOLEAN NOT NULL,
    retired_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    detached_at TIMESTAMP WITH TIME ZONE  -- by `partitions retain`; NULL: not yet
);
COMMENT ON TABLE usage_ingest.retired_partitions IS
    'partitions that `partitions retain` took out of usage_logs; no rebuild touches their time';

CREATE TABLE IF NOT EXISTS usage_ingest.key_history (
    key_hash TEXT NOT NULL,  -- lower case
    kind TEXT NOT NULL CHECK (kind IN ('key_hash', 'value_sha256',
                                       'key_hash_sha256', 'value_sha256_sha256')),
    api_key_id UUID NOT NULL,
    first_seen_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (key_hash, kind, api_key_id)
);
-- for the cascade: deleting a key must not scan a million hashes
CREATE INDEX IF NOT EXISTS key_history_api_key ON usage_ingest.key_history (api_key_id);
COMMENT ON TABLE usage_ingest.key_history IS
    'every hash that a key ever had: api_keys.key_hash and SHA-256 of lite_llm_key_value, and the '
    'SHA-256 of both, which LiteLLM writes to SpendLogs';

-- Last, since it keeps writers of api_keys out until the transaction ends.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE contype = 'f'
                                               AND conrelid = 'usage_ingest.key_history'::regclass) THEN
        ALTER TABLE usage_ingest.key_history
            ADD FOREIGN KEY (api_key_id) REFERENCES public.api_keys(id) ON DELETE CASCADE;
    END IF;
END
$$;
