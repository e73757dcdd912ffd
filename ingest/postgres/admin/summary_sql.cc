#include "ingest/postgres/admin/summary_sql.h"

#include <fmt/format.h>

#include "aggregate/summary_columns.h"
#include "ingest/postgres/batch/sum_sql.h"
#include "ingest/postgres/batch/summary_upsert.h"
#include "schema/request_marks.h"

namespace usage_ingest::postgres::admin {
namespace {

using aggregate::kSummaryColumns;

// Rows of usage_summaries beside what usage_logs adds up to, in [$1, $2). $3 is the level: 'day'
// compares hours and days, 'month' months. To be followed by a SELECT from "differences".
// {0} the sums of rows under their names, {1} the names, {2} the sums of sums, {3} the sums as they
// should be, {4} the sums as they are, {5} a difference of one of them, {6} all are zero, {7}
// whether a row is a request.
constexpr std::string_view kCompare = R"sql(
WITH counted AS (
  SELECT l.subscription_id, l.model_id,
         -- Its own time zone, because a worker of Citus has not that of this session.
         date_trunc(CASE WHEN $3 = 'month' THEN 'month' ELSE 'hour' END, l.created_at::timestamptz,
                    'UTC') AS period_start,
         {0}
    FROM public.usage_logs AS l,
         LATERAL (SELECT {7}) AS r(is_request)
   WHERE l.created_at >= $1::timestamptz AND l.created_at < $2::timestamptz
   GROUP BY 1, 2, 3
), expected AS (
  SELECT subscription_id, model_id,
         CASE WHEN $3 = 'month' THEN 'month' ELSE 'hour' END AS period_type, period_start, {1}
    FROM counted
  UNION ALL
  SELECT subscription_id, model_id, 'day', date_trunc('day', period_start), {2}
    FROM counted WHERE $3 = 'day'
   GROUP BY 1, 2, 4
), actual AS (
  SELECT s.*
    FROM public.usage_summaries AS s
   WHERE s.period_type = ANY (CASE WHEN $3 = 'month' THEN ARRAY['month']
                                   ELSE ARRAY['hour', 'day'] END)
     AND s.period_start >= $1::timestamptz AND s.period_start < $2::timestamptz
), compared AS (
  SELECT COALESCE(e.subscription_id, a.subscription_id) AS subscription_id,
         COALESCE(e.model_id, a.model_id) AS model_id,
         COALESCE(e.period_type, a.period_type) AS period_type,
         COALESCE(e.period_start, a.period_start::timestamptz) AS period_start,
         {3},
         round(e.latency_ms_sum::numeric / NULLIF(e.latency_count, 0))::bigint AS avg_latency_ms,
         {4},
         a.avg_latency_ms::bigint AS actual_avg_latency_ms,
         e.subscription_id IS NULL AS unfounded,
         a.subscription_id IS NULL AS missing
    FROM expected AS e
    FULL JOIN actual AS a
      ON a.subscription_id = e.subscription_id AND a.model_id = e.model_id
     AND a.period_type = e.period_type AND a.period_start = e.period_start
), differences AS (
  SELECT *,
         -- A row of zeros counts as none: a rebuild that may not DELETE leaves it.
         (unfounded OR missing OR {5}
          OR avg_latency_ms IS DISTINCT FROM actual_avg_latency_ms)
         AND NOT (unfounded AND {6}) AS differs
    FROM compared
)
)sql";

constexpr const char* kCount = R"sql(
SELECT count(*), count(*) FILTER (WHERE differs), count(*) FILTER (WHERE differs AND missing),
       count(*) FILTER (WHERE differs AND unfounded)
  FROM differences)sql";

// {0} the sums as they should be, {1} as they are.
constexpr std::string_view kShow = R"sql(
SELECT subscription_id, model_id, period_type, period_start, missing, unfounded,
       {0}, avg_latency_ms, {1}, actual_avg_latency_ms
  FROM differences WHERE differs
 ORDER BY period_start, period_type, subscription_id, model_id
 LIMIT $4::integer)sql";

// {0} the sums with their types.
constexpr std::string_view kMakeRepairs = R"sql(
CREATE TEMPORARY TABLE IF NOT EXISTS usage_ingest_repair (
  n bigint PRIMARY KEY, subscription_id uuid, model_id text, period_type text,
  period_start timestamptz, {0});
TRUNCATE pg_temp.usage_ingest_repair)sql";

// {0} what is to be added.
constexpr std::string_view kSelectRepairs = R"sql(
SELECT row_number() OVER (ORDER BY subscription_id, model_id COLLATE "C",
                                   period_type COLLATE "C", period_start),
       subscription_id, model_id, period_type, period_start, {0}
  FROM differences WHERE differs)sql";

constexpr const char* kRepairsOfRange = R"sql(
WITH batch AS MATERIALIZED (
  SELECT * FROM pg_temp.usage_ingest_repair WHERE n > $1::bigint AND n <= $2::bigint
), gone AS MATERIALIZED (
  SELECT id FROM usage_ingest.lock_parents(
    ARRAY(SELECT DISTINCT subscription_id FROM batch ORDER BY 1), '{}', '{}')
))sql";
constexpr const char* kRepairSource =
    "batch AS d WHERE d.subscription_id NOT IN (SELECT id FROM gone) ORDER BY d.n";

// {0} all are zero.
constexpr std::string_view kRemoveUnfounded = R"sql(
DELETE FROM public.usage_summaries AS s
 USING pg_temp.usage_ingest_repair AS r
 WHERE r.n > $1::bigint AND r.n <= $2::bigint
   AND s.subscription_id = r.subscription_id AND s.model_id = r.model_id
   AND s.period_type = r.period_type AND s.period_start = r.period_start AND {0})sql";

std::string Columns(std::string_view format, std::string_view separator = ", ") {
  return batch::FormatColumns(kSummaryColumns, format, separator);
}

std::string Compare() {
  return fmt::format(kCompare, Columns("{2} AS {0}"), Columns("{0}"), Columns("sum({0})"),
                     Columns("COALESCE(e.{0}, 0)::{1} AS {0}"),
                     Columns("COALESCE(a.{0}, 0)::{1} AS actual_{0}"),
                     Columns("{0} IS DISTINCT FROM actual_{0}", " OR "),
                     Columns("actual_{0} = 0", " AND "), IsRequestSql());
}

SummarySql MakeSummarySql() {
  const std::string compare = Compare();
  const std::string repairs = fmt::format(kSelectRepairs, Columns("{0} - actual_{0}"));
  return {.count_differences = compare + kCount,
          .show_differences = compare + fmt::format(kShow, Columns("{0}"), Columns("actual_{0}")),
          .make_repairs = fmt::format(kMakeRepairs, Columns("{0} {1}")),
          .collect_repairs = "INSERT INTO pg_temp.usage_ingest_repair " + compare + repairs,
          .apply_repairs = kRepairsOfRange + batch::UpsertSummariesSql(kRepairSource),
          .remove_unfounded = fmt::format(kRemoveUnfounded, Columns("s.{0} = 0", " AND "))};
}

}  // namespace

const SummarySql& GetSummarySql() {
  static const SummarySql sql = MakeSummarySql();
  return sql;
}

}  // namespace usage_ingest::postgres::admin
