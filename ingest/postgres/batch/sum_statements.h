#pragma once
// SumStatements: the statements that add a batch's sums to summaries, history and quotas, and what
// their answers say.
//
// The order is the order of locks (ARCHITECTURE.md, "Lock order"): the turn, summaries, history,
// subscriptions. Two batches that add to the same row of the history add to the same summary of a
// day first.
//
// Errors        Read: kConflict when a quota period began since the transaction did.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "aggregate/rollup.h"
#include "ingest/pipeline/batch_store.h"
#include "ingest/postgres/batch/quota_update.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::batch {

struct SumOptions {
  bool takes_turn = true;
  bool has_history = true;
  bool has_quota_periods = false;
  Spend spend = Spend::kLeftAlone;
  std::span<const std::int64_t> warn_at_percent = {};
};

class SumStatements {
 public:
  SumStatements(const aggregate::Deltas& deltas, const SumOptions& options);

  [[nodiscard]] std::span<const session::Statement> statements() const { return statements_; }
  [[nodiscard]] Result<pipeline::QuotaChanges> Read(
      std::span<const session::PgResult> results) const;

 private:
  void AddQuotaUse(std::span<const aggregate::QuotaDelta> quotas, const SumOptions& options);

  std::vector<session::Statement> statements_;
  std::optional<std::size_t> quotas_;   // the place of AddQuotas()
  std::optional<std::size_t> periods_;  // of kCountNewPeriods
};

}  // namespace usage_ingest::postgres::batch
