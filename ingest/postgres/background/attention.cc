#include "ingest/postgres/background/attention.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace usage_ingest::postgres::background {
namespace {

// What is still needed: for each month of rows the newest sample of a second in the last minutes,
// and of a day before. The newest ones tell that an older dump was restored, the others that one
// partition was emptied.
constexpr const char* kRemoveSamples = R"sql(
DELETE FROM usage_ingest.row_samples AS s
 USING (SELECT row_id, created_at,
               row_number() OVER (
                 PARTITION BY date_trunc('month', created_at), subscription_deleted,
                              date_trunc(CASE WHEN sampled_at > now() - interval '10 minutes'
                                              THEN 'second' ELSE 'day' END, sampled_at)
                 ORDER BY sampled_at DESC, row_id) AS place
          FROM usage_ingest.row_samples WHERE missing_since IS NULL) AS known
 WHERE s.row_id = known.row_id AND s.created_at = known.created_at
   AND (known.place > 1 OR (s.subscription_deleted AND s.sampled_at < now() - interval '7 days')))sql";

constexpr const char* kRemoveRetired = R"sql(
DELETE FROM usage_ingest.row_samples AS s USING usage_ingest.retired_partitions AS r
 WHERE s.created_at >= r.from_time AND s.created_at < r.to_time AND s.sampled_at <= r.retired_at)sql";

// A function looks up each sample by the primary key, so that no plan reads the whole table. A
// subscription that was deleted and is there again was restored.
constexpr const char* kLookForSamples = R"sql(
WITH looked AS (
  SELECT s.row_id, s.created_at,
         NOT usage_ingest.row_is_there(s.row_id, s.created_at)
           AND (NOT s.subscription_deleted
                OR EXISTS (SELECT FROM public.subscriptions AS b WHERE b.id = s.subscription_id))
           AS is_missing
    FROM usage_ingest.row_samples AS s
)
UPDATE usage_ingest.row_samples AS s
   SET missing_since = CASE WHEN l.is_missing THEN clock_timestamp() END
  FROM looked AS l
 WHERE s.row_id = l.row_id AND s.created_at = l.created_at
   AND l.is_missing <> (s.missing_since IS NOT NULL))sql";

constexpr const char* kCountMissing = R"sql(
SELECT count(m.missing_since)::int8,
       format('rows of usage_logs have disappeared since %s UTC: %s of %s sampled rows, of %s to %s '
              'UTC, and their subscriptions were not deleted (UsageIngestRowsMissing in '
              '/usr/share/doc/usage-ingestd/operations.md)',
              to_char(min(m.missing_since), 'YYYY-MM-DD HH24:MI:SS'), count(m.missing_since),
              count(*),
              to_char(min(m.created_at) FILTER (WHERE m.missing_since IS NOT NULL),
                      'YYYY-MM-DD HH24:MI:SS'),
              to_char(max(m.created_at) FILTER (WHERE m.missing_since IS NOT NULL),
                      'YYYY-MM-DD HH24:MI:SS'))
  FROM usage_ingest.row_samples AS m)sql";

// Why a part of a batch is set aside; rows that are refused alone are listed by `dead-letters`.
constexpr std::array kSetAsideReasons = {DeadLetterReason::kMonthRejected,
                                         DeadLetterReason::kSubscriptionRejected,
                                         DeadLetterReason::kResourcesExceeded};
constexpr std::int64_t kLettersMax = 10'000;
constexpr std::int64_t kGroupsMax = 10;

// $1 reasons, $2 how many letters are looked at, $3 how many groups are told.
constexpr const char* kSetAside = R"sql(
SELECT reason, count(*)::int8, (extract(epoch FROM min(first_seen_at)) * 1000)::int8,
       COALESCE(detail, '')
  FROM (SELECT reason, detail, first_seen_at FROM usage_ingest.dead_letters
         WHERE state = 'pending' AND reason = ANY ($1::text[]) LIMIT $2) AS letters
 GROUP BY reason, detail ORDER BY 2 DESC, 1, 4 LIMIT $3)sql";

std::string_view TextAt(const PGresult* result, int row, int column) {
  return {PQgetvalue(result, row, column),
          static_cast<std::size_t>(PQgetlength(result, row, column))};
}

session::Statement AskSetAside() {
  session::PgArray reasons(session::PgType::kText);
  for (const DeadLetterReason reason : kSetAsideReasons) reasons.Add(Name(reason));
  session::Statement statement{kSetAside, {}};
  statement.params.Add(reasons).Add(kLettersMax).Add(kGroupsMax);
  return statement;
}

// The details are those of `counted`.
std::vector<pipeline::SetAsideEvents> GroupsOf(const PGresult* counted) {
  std::vector<pipeline::SetAsideEvents> groups;
  for (int row = 0; row < PQntuples(counted); ++row) {
    const auto reason = ParseDeadLetterReason(TextAt(counted, row, 0));
    if (!reason) continue;
    groups.push_back({.reason = *reason,
                      .events = session::Int64At(counted, row, 1),
                      .since_ms = session::Int64At(counted, row, 2),
                      .detail = TextAt(counted, row, 3)});
  }
  return groups;
}

}  // namespace

pipeline::Task<Result<>> ReportMissingRows(session::AsyncConnection& connection,
                                           pipeline::TelemetrySink& telemetry) {
  std::vector<session::Statement> statements;
  for (const char* sql : {kRemoveRetired, kLookForSamples, kRemoveSamples, kCountMissing}) {
    statements.push_back({sql, {}});
  }
  const auto results = co_await connection.Pipeline(statements);
  if (!results) co_return std::unexpected(results.error());
  const PGresult* counted = results->back().get();
  telemetry.On(pipeline::RowsMissing{session::Int64At(counted, 0, 0), TextAt(counted, 0, 1)});
  co_return Result<>{};
}

pipeline::Task<Result<>> ReportSetAside(session::AsyncConnection& connection,
                                        pipeline::TelemetrySink& telemetry) {
  const session::Statement statement = AskSetAside();
  const Result<session::PgResult> counted = co_await connection.Execute(statement);
  if (!counted) co_return std::unexpected(counted.error());
  telemetry.On(pipeline::SetAsideCounted{GroupsOf(counted->get())});
  co_return Result<>{};
}

}  // namespace usage_ingest::postgres::background
