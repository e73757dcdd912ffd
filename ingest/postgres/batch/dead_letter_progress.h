#pragma once
// DeadLetterProgress: a retry stores its progress in the dead letters themselves.
//
// A letter is taken only while it is pending: one that another process has discarded or retried
// since fences the batch. What became of it is recorded in the transaction that inserts its row, so
// either both happen or neither (INV-4). The offsets rows stay as they are: they count what was
// read. When a lost COMMIT went through, the letters are not pending any more: the next
// compare-and-set is fenced, and the letters are selected again.
#include <cstdint>
#include <memory>
#include <vector>

#include "ingest/postgres/batch/progress_store.h"

namespace usage_ingest::postgres::batch {

class DeadLetterProgress final : public ProgressStore {
 public:
  // The letters of the next batch, in the order of its records.
  void SetLetters(std::vector<std::int64_t> ids) { ids_ = std::move(ids); }

  [[nodiscard]] session::Statement CompareAndSet(const pipeline::Batch& batch) const override;
  [[nodiscard]] std::size_t RowsToSet(const pipeline::Batch& batch) const override;
  [[nodiscard]] std::optional<session::Statement> RecordOutcomes(
      const pipeline::Batch& batch) const override;

 private:
  std::vector<std::int64_t> ids_;
};

}  // namespace usage_ingest::postgres::batch
