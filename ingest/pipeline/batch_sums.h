#pragma once
// BatchSums: adds up rows, and writes the sums in the batch's transaction.
//
// A row of `--no-quota` is in the summaries and in no quota (INV-3's exception). So is an event
// that began before the quota period of its subscription, since the period that it belongs to is
// over (docs/quotas.md, "Quota periods").
//
// Owner         one BatchWriter.
// Errors        those of BatchStore::AddSums.
#include <span>
#include <vector>

#include "aggregate/rollup.h"
#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/batch_store.h"
#include "ingest/pipeline/task.h"

namespace usage_ingest::pipeline {

class BatchSums {
 public:
  // The periods that the transaction has found; it holds until the next one.
  void SetPeriods(std::vector<QuotaPeriod> periods);
  // Of these rows, which the transaction has inserted.
  Task<Result<QuotaChanges>> Write(std::span<const BatchEvent* const> rows, BatchStore& store);

 private:
  [[nodiscard]] aggregate::QuotaUse UseOf(const UsageRow& row) const;

  std::vector<QuotaPeriod> periods_;  // sorted by subscription
  aggregate::Rollup rollup_;
};

}  // namespace usage_ingest::pipeline
