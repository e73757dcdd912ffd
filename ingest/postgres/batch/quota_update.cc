#include "ingest/postgres/batch/quota_update.h"

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "ingest/postgres/batch/batch_params.h"

namespace usage_ingest::postgres::batch {
namespace {

// The rows are locked in order first, and their status before the update is read under that lock,
// so exactly one writer sees a subscription become suspended. Triggers of the database suspend it,
// and write and announce that (0026). A threshold is reached by the update that moves the counter
// to it or over it; a quota of 0 has none.
// {0} what else is added up, {1} what else is set, {2} from where, {3} by which rows.
constexpr std::string_view kAddQuotas = R"sql(
WITH d AS (
  SELECT * FROM unnest($1::uuid[], $2::int8[], $3::int8[], $5::int8[])
    AS d(id, requests, tokens, cost_millionths)
), before AS (
  SELECT s.id, s.status::text AS status, coalesce(s.used_requests, 0) AS used_requests,
         coalesce(s.used_tokens, 0) AS used_tokens
  FROM public.subscriptions s JOIN d ON d.id = s.id
  ORDER BY s.id FOR NO KEY UPDATE OF s
){0}, after AS (
  UPDATE public.subscriptions s
  SET used_requests = coalesce(s.used_requests, 0) + d.requests,
      used_tokens = coalesce(s.used_tokens, 0) + d.tokens{1}
  FROM d, before{2} WHERE s.id = d.id AND before.id = d.id{3}
  RETURNING s.id, s.status::text AS status, before.status AS status_before,
            s.used_requests, s.used_tokens, s.quota_requests, s.quota_tokens,
            before.used_requests AS requests_before, before.used_tokens AS tokens_before
)
SELECT id, 0::int8 FROM after
WHERE status = 'suspended' AND status_before IS DISTINCT FROM 'suspended'
UNION ALL
SELECT id, CASE usage_ingest.warn_of_quota(id, resource, percent) WHEN 1 THEN 1 ELSE 2 END::int8
FROM after CROSS JOIN LATERAL (VALUES
  ('requests', requests_before::float8, used_requests::float8, quota_requests::float8),
  ('tokens', tokens_before::float8, used_tokens::float8, quota_tokens::float8))
  AS r(resource, used_before, used, quota)
JOIN unnest($4::int8[]) AS percent
  ON quota > 0 AND used_before < quota * percent / 100 AND used >= quota * percent / 100)sql";

// The subscriptions are locked before: `before` is read first. NUMERIC(10, 2) ends at the number
// that is the limit here.
constexpr std::string_view kAddUpSpend = R"sql(, spend AS (
  INSERT INTO usage_ingest.spend AS x (subscription_id, cost)
  SELECT d.id, d.cost_millionths * 0.000001 FROM d JOIN before ON before.id = d.id ORDER BY d.id
  ON CONFLICT (subscription_id) DO UPDATE SET cost = x.cost - round(x.cost, 2) + excluded.cost
  RETURNING subscription_id, cost
))sql";
constexpr std::string_view kShowSpend =
    ",\n      current_spend = least(coalesce(s.current_spend, 0) + round(spend.cost, 2), "
    "99999999.99)";

}  // namespace

const char* const kAskHasSpend = R"sql(
SELECT count(*)::int8 FROM pg_attribute
 WHERE attrelid = 'public.subscriptions'::regclass AND attname = 'current_spend'
   AND NOT attisdropped AND atttypid = 'numeric'::regtype
   AND (atttypmod = -1 OR ((atttypmod - 4) >> 16) - ((atttypmod - 4) & 65535) >= 8)
   AND has_column_privilege(attrelid, attnum, 'SELECT')
   AND has_column_privilege(attrelid, attnum, 'UPDATE'))sql";

const char* AddQuotasSql(Spend spend) {
  static const std::string counters = fmt::format(kAddQuotas, "", "", "", "");
  static const std::string both = fmt::format(kAddQuotas, kAddUpSpend, kShowSpend, ", spend",
                                              " AND spend.subscription_id = d.id");
  return (spend == Spend::kAdded ? both : counters).c_str();
}

session::Statement AddQuotas(std::span<const aggregate::QuotaDelta> quotas,
                             std::span<const std::int64_t> warn_at_percent, Spend spend) {
  return {AddQuotasSql(spend), QuotaParams(quotas, warn_at_percent)};
}

}  // namespace usage_ingest::postgres::batch
