#pragma once
// The SQL of a batch. Columns come as arrays; rows are locked and inserted in the order of the
// arrays, which the pipeline has sorted (ARCHITECTURE.md, "Lock order").
//
// Source        docs/database.md; docs/events.md, "Attribution".
#include "schema/reasons.h"

namespace usage_ingest::postgres::batch::sql {

inline constexpr const char* kLockParents =
    "SELECT kind, id FROM usage_ingest.lock_parents($1::uuid[], $2::uuid[], $3::uuid[])";

// $1 row ids of jobs, sorted (docs/events.md, "The row id").
inline constexpr const char* kLockJobs =
    "SELECT pg_advisory_xact_lock(hashtextextended('usage_ingest job ' || id, 0)) "
    "FROM unnest($1::uuid[]) AS job(id)";
inline constexpr const char* kFindJobs =
    "SELECT DISTINCT id FROM public.usage_logs WHERE id = ANY ($1::uuid[]) ORDER BY id";

// The whole of attribution, one row a question. $1 key hashes, $2 users as uuid (NULL: not one),
// $3 teams as text, $4 teams as uuid (NULL: not one), $5 models.
// key_hash wins over the SHA-256 of lite_llm_key_value, the present hash over a rotated one; the
// same holds for the SHA-256 of each, which a SpendLogs row can have. The present hash is read from
// api_keys too: triggers, which fill key_history, do not fire for a restore or for replication.
inline constexpr const char* kAttribute = R"sql(
SELECT coalesce(own.id, legacy.id), k.id,
       coalesce(usage_ingest.find_team(q.team_id, q.team_text), k.team_id, own.team_id,
                legacy.team_id),
       CASE WHEN coalesce(own.id, legacy.id) IS NOT NULL THEN 0
            WHEN k.id IS NULL AND u.id IS NULL AND q.key_hash IS NOT NULL THEN 1
            WHEN k.id IS NULL AND u.id IS NULL THEN 2
            ELSE 3 END::int8
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::text[]) WITH ORDINALITY
  AS q(key_hash, user_id, team_text, team_id, model_id, ord)
LEFT JOIN LATERAL (
  SELECT a.id, a.user_id, a.team_id, a.subscription_id
  FROM (SELECT h.api_key_id, h.kind, h.first_seen_at
        FROM usage_ingest.key_history h WHERE h.key_hash = q.key_hash
        UNION ALL
        SELECT present.id, 'key_hash', NULL
        FROM public.api_keys present WHERE present.key_hash::text = q.key_hash) h
  JOIN public.api_keys a ON a.id = h.api_key_id
  ORDER BY q.key_hash IN (lower(a.key_hash), encode(sha256(convert_to(lower(a.key_hash), 'UTF8')),
                                                    'hex')) DESC,
           h.kind LIKE 'key_hash%' DESC, h.first_seen_at DESC NULLS LAST, a.id
  LIMIT 1) k ON true
LEFT JOIN LATERAL (
  SELECT u.id FROM public.users u WHERE k.id IS NULL AND u.id = q.user_id) u ON true
LEFT JOIN LATERAL (
  SELECT s.id, s.team_id FROM public.subscriptions s
  WHERE s.user_id = coalesce(k.user_id, u.id) AND s.model_id = q.model_id
  ORDER BY s.status::text = 'active' DESC, s.status::text = 'suspended' DESC,
           s.created_at DESC NULLS LAST, s.id
  LIMIT 1) own ON true
LEFT JOIN LATERAL (
  SELECT s.id, s.team_id FROM public.subscriptions s
  WHERE own.id IS NULL AND s.id = k.subscription_id AND s.model_id = q.model_id) legacy ON true
ORDER BY q.ord)sql";

// A part of a transaction that can be undone alone (narrowing.h).
inline constexpr const char* kBeginPiece = "SAVEPOINT usage_ingest_piece";
// A check that is deferred to COMMIT would refuse the whole batch there.
inline constexpr const char* kKeepPiece =
    "SET CONSTRAINTS ALL IMMEDIATE; RELEASE SAVEPOINT usage_ingest_piece";
inline constexpr const char* kUndoPiece =
    "ROLLBACK TO SAVEPOINT usage_ingest_piece; RELEASE SAVEPOINT usage_ingest_piece";

// $1 subscriptions, $2 the time of the oldest event.
inline constexpr const char* kQuotaPeriods =
    "SELECT subscription_id, started_at, is_due FROM "
    "usage_ingest.quota_periods_of($1::uuid[], $2::timestamptz)";
inline constexpr const char* kStartQuotaPeriods =
    "SELECT usage_ingest.start_quota_periods($1::uuid[], 9223372036854775807)";
// Periods that another session has started since this transaction began. After the update of the
// quotas, whose locks keep it so until COMMIT. $1 subscriptions.
inline constexpr const char* kCountNewPeriods =
    "SELECT count(*)::int8 FROM usage_ingest.quota_periods "
    "WHERE subscription_id = ANY ($1::uuid[]) AND started_at > now()";

// One lane after the other from here to COMMIT: the lanes of all daemons add to the same rows of
// hours, days, months and subscriptions.
inline constexpr const char* kTakeTurn =
    "SELECT pg_advisory_xact_lock(hashtextextended('usage_ingest sums', 0))";

// $1 group, then a column each. A letter that is there already is of the same record, read again.
inline constexpr const char* kAddDeadLetters = R"sql(
INSERT INTO usage_ingest.dead_letters
  (group_id, topic, partition, topic_id, leader_epoch, record_offset, event_index, reason, detail,
   key_hash, user_id, model_id, event_id, event_time, counts_quotas, payload)
SELECT $1, d.* FROM unnest($2::text[], $3::int4[], $4::text[], $5::int4[], $6::int8[], $7::int4[],
                           $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
                           $13::text[], $14::timestamptz[], $15::bool[], $16::bytea[])
  AS d(topic, partition, topic_id, leader_epoch, record_offset, event_index, reason, detail,
       key_hash, user_id, model_id, event_id, event_time, counts_quotas, payload)
ON CONFLICT (topic, partition, topic_id, leader_epoch, record_offset, event_index) DO NOTHING)sql";

// $1 id, $2 created_at, $3 subscription of a row that this transaction inserts. A sample that is
// there already is of a row that had disappeared.
inline constexpr const char* kSampleRow = R"sql(
INSERT INTO usage_ingest.row_samples (row_id, created_at, subscription_id) VALUES ($1, $2, $3)
ON CONFLICT (row_id, created_at) DO UPDATE
SET subscription_id = excluded.subscription_id, sampled_at = excluded.sampled_at,
    subscription_deleted = false, missing_since = NULL)sql";

// $1 api keys, $2 when each was used last by a row that this transaction inserts.
inline constexpr const char* kNoteKeyUse =
    "SELECT usage_ingest.note_key_use($1::uuid[], $2::timestamptz[])";

// Behind a switch-over by logical replication, which does not carry sequences.
inline constexpr const char* kAdvanceLetterIds = "SELECT usage_ingest.advance_dead_letter_ids()";

// A retry takes its letters: $1 ids.
inline constexpr const char* kTakeDeadLetters = R"sql(
UPDATE usage_ingest.dead_letters SET attempts = attempts + 1, last_attempt_at = clock_timestamp()
WHERE id = ANY ($1::int8[]) AND state = 'pending')sql";

// And records what became of them: $1 ids, $2 states, $3 reasons, $4 details (NULL: as before).
inline constexpr const char* kRecordRetries = R"sql(
UPDATE usage_ingest.dead_letters l
SET state = d.state, reason = coalesce(d.reason, l.reason), detail = coalesce(d.detail, l.detail)
FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[]) AS d(id, state, reason, detail)
WHERE l.id = d.id)sql";

// The next pending letters, the longest untried first, so that each is tried however many there
// are. One without a payload (none was kept) is left to a person. $1 reason ('' any),
// $2 only those due, $3 ids ('{}' any), $4 first seen since, $5 not tried after, $6 how many,
// $7 bytes of payloads (a larger payload comes alone), $8 only those that may have an owner now.
// The back-off ends at an hour; at a day where changes of keys and subscriptions bring the letter
// forward.
inline constexpr const char* kNextDeadLetters = R"sql(
SELECT id, topic, partition::int8, record_offset, event_index::int8, counts_quotas::int4::int8,
       payload
FROM (
SELECT *, row_number() OVER untried AS number, sum(octet_length(payload)) OVER untried AS bytes
FROM (
  SELECT id, topic, partition, record_offset, event_index, counts_quotas, payload, last_attempt_at
  FROM usage_ingest.dead_letters AS l
  WHERE state = 'pending' AND ($1 = '' OR reason = $1) AND octet_length(payload) > 0
    AND (cardinality($3::int8[]) = 0 OR id = ANY ($3::int8[]))
    AND first_seen_at >= $4::timestamptz
    AND (last_attempt_at IS NULL OR last_attempt_at < $5::timestamptz)
    AND ($2::int8 = 0 OR last_attempt_at IS NULL OR last_attempt_at <
         clock_timestamp() - least(interval '1 minute' * 2 ^ least(attempts, 12),
           CASE WHEN reason = 'unattributed' AND model_id IS NOT NULL THEN interval '1 day'
                ELSE interval '1 hour' END))
    AND ($8::int8 = 0 OR model_id IS NULL OR EXISTS (
         SELECT FROM public.subscriptions AS s JOIN (
             SELECT a.user_id, a.subscription_id FROM usage_ingest.key_history AS h
               JOIN public.api_keys AS a ON a.id = h.api_key_id WHERE h.key_hash = l.key_hash
             UNION ALL
             SELECT a.user_id, a.subscription_id FROM public.api_keys AS a
              WHERE a.key_hash::text = l.key_hash
             UNION ALL
             SELECT CASE WHEN l.user_id ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
                         THEN l.user_id::uuid END, NULL) AS o
           ON s.user_id = o.user_id OR s.id = o.subscription_id
        WHERE s.model_id = l.model_id))
  ORDER BY last_attempt_at NULLS FIRST, id LIMIT $6
) AS next WINDOW untried AS (ORDER BY last_attempt_at NULLS FIRST, id)
) AS sized
WHERE number = 1 OR bytes <= $7::int8 ORDER BY last_attempt_at NULLS FIRST, id)sql";

// The statements before and after this line have its name as text.
static_assert(Name(DeadLetterReason::kUnattributed) == "unattributed");

// The letters that a change of these users' keys or subscriptions can give an owner, and those of
// which neither key nor user is known. $1 users, $2 first seen since, $3 not tried after,
// $4 how many.
inline constexpr const char* kLettersOfUsers = R"sql(
WITH waiting AS NOT MATERIALIZED (
  SELECT id, key_hash, user_id, first_seen_at, last_attempt_at FROM usage_ingest.dead_letters
   WHERE state = 'pending' AND reason = 'unattributed'
), found AS (
  SELECT * FROM waiting WHERE user_id = ANY ($1::text[])
  UNION ALL
  SELECT * FROM waiting WHERE key_hash = ANY (ARRAY(
      SELECT h.key_hash FROM usage_ingest.key_history AS h
        JOIN public.api_keys AS a ON a.id = h.api_key_id WHERE a.user_id = ANY ($1::uuid[])
      UNION
      SELECT a.key_hash::text FROM public.api_keys AS a WHERE a.user_id = ANY ($1::uuid[])))
  UNION ALL
  SELECT * FROM waiting WHERE key_hash IS NULL AND user_id IS NULL
)
SELECT DISTINCT id FROM found
WHERE first_seen_at >= $2::timestamptz
  AND (last_attempt_at IS NULL OR last_attempt_at < $3::timestamptz) LIMIT $4)sql";

}  // namespace usage_ingest::postgres::batch::sql
