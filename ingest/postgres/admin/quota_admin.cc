#include "ingest/postgres/admin/quota_admin.h"

#include <array>

namespace usage_ingest::postgres::admin {
namespace {

// $1 a subscription, or NULL. Whether a quota of 0 is a limit depends on the mode.
constexpr const char* kList = R"sql(
SELECT own.subscription_id, s.model_id, COALESCE(own.status_before, ''),
       to_char(own.suspended_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       format('%s of %s', s.used_requests, s.quota_requests),
       format('%s of %s', s.used_tokens, s.quota_tokens),
       usage_ingest.is_liftable(own.subscription_id),
       CASE mode.chosen
       WHEN 'seed' THEN s.used_requests > s.quota_requests OR s.used_tokens > s.quota_tokens
       WHEN 'active-only' THEN (s.quota_requests > 0 AND s.used_requests > s.quota_requests)
                               OR (s.quota_tokens > 0 AND s.used_tokens > s.quota_tokens)
       ELSE false END
  FROM usage_ingest.suspensions AS own
  JOIN public.subscriptions AS s ON s.id = own.subscription_id
 CROSS JOIN usage_ingest.quota_enforcement AS mode
 WHERE own.subscription_id = COALESCE($1::uuid, own.subscription_id)
 ORDER BY own.suspended_at, own.subscription_id)sql";

using Params = std::array<blocking::SyncParam, 1>;

}  // namespace

Result<std::vector<Suspension>> ListSuspensions(blocking::SyncConnection& connection,
                                                const std::string& subscription_id) {
  Params params;
  if (!subscription_id.empty()) params[0] = subscription_id;
  auto rows = connection.Query(kList, params);
  if (!rows) return std::unexpected(rows.error());
  std::vector<Suspension> suspensions;
  suspensions.reserve(static_cast<std::size_t>(rows->count()));
  for (int i = 0; i < rows->count(); ++i) {
    const auto text = [&](int column) { return std::string(rows->text(i, column)); };
    suspensions.push_back({.subscription_id = text(0),
                           .model_id = text(1),
                           .status_before = text(2),
                           .suspended_at = text(3),
                           .requests = text(4),
                           .tokens = text(5),
                           .is_liftable = rows->boolean(i, 6),
                           .is_over_quota = rows->boolean(i, 7)});
  }
  return suspensions;
}

Result<std::string> LiftSuspension(blocking::SyncConnection& connection,
                                   const std::string& subscription_id) {
  auto rows =
      connection.Query("SELECT usage_ingest.lift_suspension($1::uuid)", Params{subscription_id});
  if (!rows) return std::unexpected(rows.error());
  return std::string(rows->text(0, 0));
}

}  // namespace usage_ingest::postgres::admin
