#include "ingest/postgres/admin/daily_sql.h"

#include <fmt/format.h>

#include "aggregate/daily_columns.h"
#include "ingest/postgres/batch/daily_upsert.h"
#include "ingest/postgres/batch/sum_sql.h"
#include "schema/request_marks.h"

namespace usage_ingest::postgres::admin {
namespace {

using aggregate::kDailyColumns;

// What the rows of a day add up to, beside the history. To be followed by a SELECT from "keys" or
// "sums".
//
// A row forgets its key and its team when they are deleted; the history does not. So keys are
// compared one by one ("keys"), but only the sums of a subscription and a model ("sums") say
// whether something is wrong. Where no row is left, nothing can be compared.
// {0} the sums of rows under their names, {1} whether a row is a request, {2} rows minus history,
// {3} sums of both, {4} a sum is not 0, {5} a difference is below 0, {6} a difference of sums is
// below 0.
constexpr std::string_view kCompare = R"sql(
WITH counted AS (
  SELECT ($1::timestamptz AT TIME ZONE 'UTC')::date AS day, l.subscription_id,
         COALESCE(l.api_key_id, '00000000-0000-0000-0000-000000000000') AS api_key_id,
         COALESCE(l.team_id, '00000000-0000-0000-0000-000000000000') AS team_id,
         -- An expression: Citus forgets a cast that changes no byte, and then the type differs.
         (l.model_id || '') COLLATE "C" AS model_id, {0}
    FROM public.usage_logs AS l, LATERAL (SELECT {1}) AS r(is_request)
   WHERE l.created_at >= $1::timestamptz AND l.created_at < $2::timestamptz
   GROUP BY 2, 3, 4, 5
), stored AS (
  SELECT * FROM usage_ingest.usage_daily
   WHERE day = ($1::timestamptz AT TIME ZONE 'UTC')::date
), keys AS (
  SELECT day, subscription_id, api_key_id, team_id, model_id,
         c.subscription_id IS NOT NULL AS has_rows, {2}
    FROM counted AS c FULL JOIN stored AS s
   USING (day, subscription_id, api_key_id, team_id, model_id)
), sums AS (
  SELECT day, subscription_id, model_id, {3},
         bool_or({5}) AS has_moved
    FROM keys GROUP BY day, subscription_id, model_id HAVING bool_or(has_rows)
), differences AS (
  SELECT *, {4} AS differs, {6} AS is_too_much FROM sums
)
)sql";

constexpr const char* kCount = R"sql(
SELECT count(*), count(*) FILTER (WHERE differs AND NOT is_too_much),
       count(*) FILTER (WHERE differs AND is_too_much)
  FROM differences)sql";

// {0} the sums of the rows, {1} those of the history.
constexpr std::string_view kShow = R"sql(
SELECT day, subscription_id, model_id, is_too_much, {0}, {1}
  FROM differences WHERE differs ORDER BY subscription_id, model_id LIMIT $3::integer)sql";

// {0} the sums with their types.
constexpr std::string_view kMakeRepairs = R"sql(
CREATE TEMPORARY TABLE IF NOT EXISTS usage_ingest_daily_repair (
  n bigint PRIMARY KEY, day date, subscription_id uuid, api_key_id uuid, team_id uuid,
  model_id text COLLATE "C", {0});
TRUNCATE pg_temp.usage_ingest_daily_repair)sql";

// Where a key or a team was deleted since, the rows do not say whose the missing use was: it
// belongs to no key and no team.
// {0} the comparison, {1} the differences of `k`, {2} one of them is not 0, {3} which are repaired
// key by key, {4} the differences of sums, {5} which are repaired by them.
constexpr std::string_view kCollect = R"sql(
INSERT INTO pg_temp.usage_ingest_daily_repair
{0}
SELECT row_number() OVER (ORDER BY subscription_id, day, api_key_id, team_id, model_id), r.*
  FROM (
    SELECT k.day, k.subscription_id, k.api_key_id, k.team_id, k.model_id, {1}
      FROM keys AS k JOIN differences AS d USING (day, subscription_id, model_id)
     WHERE d.differs AND ({2}) AND ({3})
    UNION ALL
    SELECT d.day, d.subscription_id, '00000000-0000-0000-0000-000000000000',
           '00000000-0000-0000-0000-000000000000', d.model_id, {4}
      FROM differences AS d WHERE d.differs AND ({5})
  ) AS r)sql";

constexpr const char* kRepairSource =
    "(SELECT * FROM pg_temp.usage_ingest_daily_repair WHERE n > $1::bigint AND n <= $2::bigint "
    "ORDER BY n) AS d";

std::string Columns(std::string_view format, std::string_view separator = ", ") {
  return batch::FormatColumns(kDailyColumns, format, separator);
}

std::string Compare() {
  return fmt::format(
      kCompare, Columns("COALESCE({2}, 0) AS {0}"), IsRequestSql(),
      Columns("COALESCE(c.{0}, 0) AS rows_{0}, COALESCE(s.{0}, 0) AS history_{0}, "
              "(COALESCE(c.{0}, 0) - COALESCE(s.{0}, 0))::{1} AS {0}"),
      Columns("sum(rows_{0}) AS rows_{0}, sum(history_{0}) AS history_{0}, sum({0})::{1} AS {0}"),
      Columns("{0} <> 0", " OR "), Columns("{0} < 0", " OR "), Columns("{0} < 0", " OR "));
}

std::string Collect(std::string_view by_key, std::string_view by_sum) {
  return fmt::format(kCollect, Compare(), Columns("k.{0}"), Columns("k.{0} <> 0", " OR "), by_key,
                     Columns("d.{0}"), by_sum);
}

}  // namespace

const DailySql& GetDailySql() {
  static const DailySql sql = {
      .count_differences = Compare() + kCount,
      .show_differences =
          Compare() + fmt::format(kShow, Columns("rows_{0}"), Columns("history_{0}")),
      .make_repairs = fmt::format(kMakeRepairs, Columns("{0} {1}")),
      // what is too much has a key that is, so it has moved
      .collect_missing = Collect("NOT d.has_moved", "NOT d.is_too_much AND d.has_moved"),
      .collect_all = Collect("true", "false"),
      .apply_repairs = batch::UpsertDailySql(kRepairSource)};
  return sql;
}

}  // namespace usage_ingest::postgres::admin
