#include "ingest/postgres/batch/summary_upsert.h"

#include <fmt/format.h>

#include "aggregate/summary_columns.h"

namespace usage_ingest::postgres::batch {
namespace {

using aggregate::SummaryColumn;
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
  const std::string sums = aggregate::JoinSummaryColumns([](const SummaryColumn& column) {
    if (column.unit == "1") return fmt::format("u.{}", column.name);
    return fmt::format("u.{0} * {1} AS {0}", column.name, column.unit);
  });
  std::size_t parameter = aggregate::kSummaryKey.size();
  const std::string arrays = aggregate::JoinSummaryColumns(
      [&](const SummaryColumn&) { return fmt::format("${}::int8[]", ++parameter); });
  return fmt::format(kBatchSource, sums, arrays, aggregate::SummaryColumnNames());
}

}  // namespace

std::string UpsertSummariesSql(std::string_view source) {
  return fmt::format(kUpsert, aggregate::SummaryColumnNames(),
                     aggregate::JoinSummaryColumns([](const SummaryColumn& column) {
                       return fmt::format("d.{}", column.name);
                     }),
                     // The seed's columns may be NULL.
                     aggregate::JoinSummaryColumns([](const SummaryColumn& column) {
                       return fmt::format("{0} = coalesce(s.{0}, 0) + excluded.{0}", column.name);
                     }),
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
  for (const SummaryColumn& column : aggregate::kSummaryColumns) {
    session::PgArray sums(session::PgType::kInt8);
    for (const SummaryDelta& delta : summaries) sums.Add(column.sum(delta.totals));
    statement.params.Add(sums);
  }
  return statement;
}

}  // namespace usage_ingest::postgres::batch
