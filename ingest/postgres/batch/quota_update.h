#pragma once
// QuotaUpdate: adds what a batch has used to the counters of its subscriptions, and what it has
// cost to their current_spend, in one update of each row.
//
// current_spend is in cents, and an event often costs less. usage_ingest.spend has the exact cost
// since the last update; its whole cents are shown.
//
// Source        docs/quotas.md.
#include <cstdint>
#include <span>

#include "aggregate/rollup.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::batch {

// Whether current_spend is a column that the daemon can add to: 1 or 0. No parameters.
extern const char* const kAskHasSpend;

enum class Spend : unsigned char { kAdded, kLeftAlone };

// $1 subscriptions, $2 requests, $3 tokens, $4 thresholds in per cent, $5 millionths of cost.
[[nodiscard]] const char* AddQuotasSql(Spend spend);
// REQUIRES: `quotas` are sorted, as the roll-up has them.
[[nodiscard]] session::Statement AddQuotas(std::span<const aggregate::QuotaDelta> quotas,
                                           std::span<const std::int64_t> warn_at_percent,
                                           Spend spend);

// What a row of the answer reports.
enum class QuotaNews : std::int64_t { kSuspended, kWarned, kWarnedBefore };

}  // namespace usage_ingest::postgres::batch
