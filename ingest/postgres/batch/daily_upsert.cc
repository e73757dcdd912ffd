#include "ingest/postgres/batch/daily_upsert.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "aggregate/daily_columns.h"
#include "ingest/postgres/batch/sum_sql.h"

namespace usage_ingest::postgres::batch {
namespace {

using aggregate::DailyDelta;
using aggregate::kDailyColumns;

// {0} the key, {1} the names of the sums, {2} the sums of both, {3} the source. OFFSET 0: the names
// are looked up once for each row that is new, and for no other.
constexpr std::string_view kUpsert = R"sql(
INSERT INTO usage_ingest.usage_daily AS h
  ({0}, user_id, username, user_email, team_alias, key_alias, key_hash, model_name, provider, {1})
SELECT {0}, coalesce((names).user_id, '00000000-0000-0000-0000-000000000000'), (names).username,
       (names).user_email, (names).team_alias, (names).key_alias, (names).key_hash,
       (names).model_name, (names).provider, {1}
FROM (
  SELECT d.*,
         CASE WHEN NOT EXISTS (
           SELECT FROM usage_ingest.usage_daily AS k
            WHERE k.day = d.day AND k.subscription_id = d.subscription_id
              AND k.api_key_id = d.api_key_id AND k.team_id = d.team_id
              AND k.model_id = d.model_id COLLATE "C")
         THEN usage_ingest.names_of_use(d.subscription_id, d.api_key_id, d.team_id, d.model_id)
         END AS names
  FROM {3} OFFSET 0) AS named
ON CONFLICT ({0}) DO UPDATE SET {2})sql";

// {0} the sums in the unit of their column, {1} an array parameter for each, {2} their names.
constexpr std::string_view kBatchSource = R"sql((
  SELECT DATE '1970-01-01' + u.day AS day, u.subscription_id, u.api_key_id, u.team_id, u.model_id,
         {0}
  FROM unnest($1::int4[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], {1})
    AS u(day, subscription_id, api_key_id, team_id, model_id, {2})) AS d)sql";

std::string BatchSource() {
  return fmt::format(kBatchSource, SumsInTheirUnit(kDailyColumns),
                     SumParameters(kDailyColumns, aggregate::kDailyKey.size()),
                     ColumnNames(kDailyColumns));
}

}  // namespace

std::string UpsertDailySql(std::string_view source) {
  return fmt::format(kUpsert, fmt::join(aggregate::kDailyKey, ", "), ColumnNames(kDailyColumns),
                     FormatColumns(kDailyColumns, "{0} = h.{0} + excluded.{0}"), source);
}

session::Statement AddDaily(std::span<const DailyDelta> days) {
  static const std::string sql = UpsertDailySql(BatchSource());
  session::PgArray dates(session::PgType::kInt4);
  session::PgArray subscriptions(session::PgType::kUuid);
  session::PgArray api_keys(session::PgType::kUuid);
  session::PgArray teams(session::PgType::kUuid);
  session::PgArray models(session::PgType::kText);
  for (const DailyDelta& delta : days) {
    dates.Add(delta.key.day);
    subscriptions.Add(delta.key.subscription_id);
    api_keys.Add(delta.key.api_key_id);
    teams.Add(delta.key.team_id);
    models.Add(delta.key.model_id);
  }
  session::Statement statement{sql.c_str(), {}};
  statement.params.Add(dates).Add(subscriptions).Add(api_keys).Add(teams).Add(models);
  AddSums(kDailyColumns, days, statement);
  return statement;
}

}  // namespace usage_ingest::postgres::batch
