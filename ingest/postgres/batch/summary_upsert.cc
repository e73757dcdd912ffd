#include "ingest/postgres/batch/summary_upsert.h"

#include <fmt/format.h>

#include "aggregate/summary_columns.h"
#include "ingest/postgres/batch/sum_sql.h"

namespace usage_ingest::postgres::batch {
namespace {

using aggregate::kSummaryColumns;
using aggregate::SummaryDelta;

// {0} the names of the sums, {1} the same of `d`, {2} the sums of both, {3} the source. The average
// rounds half away from zero; latencies are not negative, so integers do it exactly.
constexpr std::string_view kUpsert = R"sql(
INSERT INTO public.usage_summaries AS s
  (subscription_id, model_id, period_type, period_start, {0}, avg_latency_ms)
SELECT d.subscription_id, d.model_id, d.period_type, d.period_start, {1},
       (2 * d.latency_ms_sum + d.latency_count) / nullif(2 * d.latency_count, 0)
FROM {3}
ON CONFLICT (subscription_id, model_id, period_type, period_start) DO UPDATE SET
  {2},
  avg_latency_ms =
    (2 * (s.latency_ms_sum + excluded.latency_ms_sum)::bigint
       + (s.latency_count + excluded.latency_count)::bigint)
    / nullif(2 * (s.latency_count + excluded.latency_count)::bigint, 0))sql";

// {0} the sums in the unit of their column, {1} an array parameter for each, {2} their names.
constexpr std::string_view kBatchSource = R"sql((
  SELECT u.subscription_id, u.model_id, u.period_type, u.period_start, {0}
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], {1})
    AS u(subscription_id, model_id, period_type, period_start, {2})) AS d)sql";

std::string BatchSource() {
  return fmt::format(kBatchSource, SumsInTheirUnit(kSummaryColumns),
                     SumParameters(kSummaryColumns, aggregate::kSummaryKey.size()),
                     ColumnNames(kSummaryColumns));
}

}  // namespace

std::string UpsertSummariesSql(std::string_view source) {
  return fmt::format(kUpsert, ColumnNames(kSummaryColumns), FormatColumns(kSummaryColumns, "d.{}"),
                     // The seed's columns may be NULL.
                     FormatColumns(kSummaryColumns, "{0} = coalesce(s.{0}, 0) + excluded.{0}"),
                     source);
}

session::Statement AddSummaries(std::span<const SummaryDelta> summaries) {
  static const std::string sql = UpsertSummariesSql(BatchSource());
  session::PgArray subscriptions(session::PgType::kUuid);
  session::PgArray models(session::PgType::kText);
  session::PgArray types(session::PgType::kText);
  session::PgArray starts(session::PgType::kTimestamptz);
  for (const SummaryDelta& delta : summaries) {
    subscriptions.Add(delta.subscription_id);
    models.Add(delta.model_id);
    types.Add(aggregate::Name(delta.period_type));
    starts.Add(delta.period_start);
  }
  session::Statement statement{sql.c_str(), {}};
  statement.params.Add(subscriptions).Add(models).Add(types).Add(starts);
  AddSums(kSummaryColumns, summaries, statement);
  return statement;
}

}  // namespace usage_ingest::postgres::batch
