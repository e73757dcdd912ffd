#pragma once
// DeadLetterLedger: the books of a retry are the dead letters themselves.
//
// The letters are claimed while they are pending, so one that was discarded or retried by somebody
// else in the meantime fences the batch; they are settled in the transaction that inserts their
// rows, so a heal and its row are one (INV-4). The offsets rows do not move: what they count is
// history.
#include <cstdint>
#include <memory>
#include <vector>

#include "ingest/postgres/batch/ledger.h"

namespace usage_ingest::postgres::batch {

class DeadLetterLedger final : public Ledger {
 public:
  // The letters of the batch to come, in the order of its records.
  void SetLetters(std::vector<std::int64_t> ids) { ids_ = std::move(ids); }

  session::Statement Claim(const pipeline::Batch& batch) const override;
  std::size_t ClaimedRows(const pipeline::Batch& batch) const override;
  void Settle(const pipeline::Batch& batch,
              std::vector<session::Statement>& statements) const override;
  session::Statement ReadOffsets(const pipeline::Batch& batch) const override;

 private:
  std::vector<std::int64_t> ids_;
};

}  // namespace usage_ingest::postgres::batch
