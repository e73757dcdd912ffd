#include "ingest/postgres/batch/sum_statements.h"

#include "ingest/postgres/batch/batch_params.h"
#include "ingest/postgres/batch/batch_results.h"
#include "ingest/postgres/batch/daily_upsert.h"
#include "ingest/postgres/batch/lock_waits.h"
#include "ingest/postgres/batch/statements.h"
#include "ingest/postgres/batch/summary_upsert.h"

namespace usage_ingest::postgres::batch {

SumStatements::SumStatements(const aggregate::Deltas& deltas, const SumOptions& options) {
  if (options.takes_turn) {
    for (const char* step : {WaitLongForLocks(), sql::kTakeTurn, WaitShortForLocks()}) {
      statements_.push_back({step, {}});
    }
  }
  statements_.push_back(AddSummaries(deltas.summaries));
  if (options.has_history) statements_.push_back(AddDaily(deltas.days));
  if (!deltas.quotas.empty()) AddQuotaUse(deltas.quotas, options);
}

void SumStatements::AddQuotaUse(std::span<const aggregate::QuotaDelta> quotas,
                                const SumOptions& options) {
  quotas_ = statements_.size();
  statements_.push_back(AddQuotas(quotas, options.warn_at_percent, options.spend));
  if (!options.has_quota_periods) return;
  periods_ = statements_.size();
  statements_.push_back({sql::kCountNewPeriods, SubscriptionParams(quotas)});
}

Result<pipeline::QuotaChanges> SumStatements::Read(
    std::span<const session::PgResult> results) const {
  if (!quotas_) return pipeline::QuotaChanges{};
  if (periods_ && session::Int64At(results[*periods_].get(), 0, 0) != 0) {
    return Fail(ErrorCode::kConflict, "a quota period began during the transaction");
  }
  return QuotaChangesOf(results[*quotas_].get());
}

}  // namespace usage_ingest::postgres::batch
