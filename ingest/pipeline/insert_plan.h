#pragma once
// InsertPlan: which events of a batch one attempt inserts, and in which order.
//
// Known duplicates are left out. The rows are in the order in which every writer inserts (month,
// then id), so that of two writers with the same ids one waits for the other and neither deadlocks.
//
// Owner         a BatchWriter; made again for each attempt, its buffers stay.
#include <span>
#include <vector>

#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/batch_store.h"
#include "ingest/pipeline/recent_ids.h"

namespace usage_ingest::pipeline {

class InsertPlan {
 public:
  void Clear() noexcept;
  void Make(Batch& batch, const RecentIds& known);
  // Keys and teams that are gone become NULL, as ON DELETE SET NULL of the foreign keys would do.
  void ClearParents(const Parents& gone);
  // The ids of the rows that are jobs, sorted.
  [[nodiscard]] std::vector<Uuid> Jobs() const;
  // The rows with these ids, which are sorted, are duplicates.
  void DropKnown(std::span<const Uuid> known);
  // What the store gets. The events stay those of `sent` until the next call.
  [[nodiscard]] std::span<const UsageRow* const> Send();
  // Of the rows that were sent only `inserted`, sorted, were new.
  void KeepInserted(std::span<const Uuid> inserted);
  // Events with one of these ids, which are sorted, are no duplicates: the row that they repeat
  // will not be there.
  [[nodiscard]] std::vector<BatchEvent*> TakeDuplicatesOf(std::span<const Uuid> ids);
  // Of the rows only these were written, and these were duplicates; the others are refused.
  void KeepWritten(std::span<BatchEvent* const> inserted, std::span<BatchEvent* const> duplicates);

  [[nodiscard]] std::span<BatchEvent* const> rows() const { return rows_; }
  [[nodiscard]] std::span<BatchEvent* const> duplicates() const { return duplicates_; }
  [[nodiscard]] const Parents& parents() const { return parents_; }
  // What the last Send() returned; empty when this attempt did not get there.
  [[nodiscard]] std::span<const UsageRow* const> sent() const { return sent_rows_; }
  [[nodiscard]] BatchEvent& sent_event(std::size_t row) const { return *sent_events_[row]; }

 private:
  void MakeParents();

  std::vector<BatchEvent*> rows_;
  std::vector<BatchEvent*> duplicates_;
  Parents parents_;
  std::vector<const UsageRow*> sent_rows_;
  std::vector<BatchEvent*> sent_events_;
};

}  // namespace usage_ingest::pipeline
