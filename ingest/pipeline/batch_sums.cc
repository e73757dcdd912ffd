#include "ingest/pipeline/batch_sums.h"

#include <algorithm>
#include <utility>

namespace usage_ingest::pipeline {

using aggregate::QuotaUse;

void BatchSums::SetPeriods(std::vector<QuotaPeriod> periods) {
  periods_ = std::move(periods);
  std::ranges::sort(periods_, {}, &QuotaPeriod::subscription_id);
}

Task<Result<QuotaChanges>> BatchSums::Write(std::span<const BatchEvent* const> rows,
                                            BatchStore& store) {
  for (const BatchEvent* event : rows) rollup_.Add(event->row, UseOf(event->row));
  co_return co_await store.AddSums(rollup_.Take());
}

QuotaUse BatchSums::UseOf(const UsageRow& row) const {
  if (!row.counts_quotas) return QuotaUse::kNotCounted;
  if (periods_.empty()) return QuotaUse::kCounted;
  const auto period = std::ranges::lower_bound(periods_, row.owner.subscription_id, {},
                                               &QuotaPeriod::subscription_id);
  const bool is_late = period != periods_.end() &&
                       period->subscription_id == row.owner.subscription_id &&
                       row.event.created_at < period->started_at;
  return is_late ? QuotaUse::kNotCounted : QuotaUse::kCounted;
}

}  // namespace usage_ingest::pipeline
