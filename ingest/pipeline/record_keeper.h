#pragma once
// RecordKeeper: how long the bytes of a batch's records are kept.
//
// Once a record's events are decoded and the cache says whose they are, its bytes are wanted only
// by a dead letter that is decided later still: a subscription deleted meanwhile, a row that the
// database refuses. Keeping all records for that is most of a transaction's memory, and a smaller
// transaction updates each summary more often. So they are let go; should one be wanted after all,
// the batch fails with kRecordGone, is read again from Kafka, and records are kept for a while.
//
// What is kept is copied: a record pins its whole fetch buffer, a megabyte for one of 3 KB.
//
// Owner         one lane.
// Invariants    INV-1: a record whose events are all decided may go, no other; a batch that misses
//               one commits nothing.
#include <cstddef>

#include "ingest/pipeline/attributor.h"
#include "ingest/pipeline/batch.h"

namespace usage_ingest::pipeline {

class RecordKeeper {
 public:
  // Batches that keep their records after one was missed: a database that refuses rows goes on to.
  static constexpr std::size_t kBatchesKept = 256;

  // Without `lets_go` every record stays as it is, for who cannot read again.
  RecordKeeper(Attributor& attributor, bool lets_go) : attributor_(attributor), lets_go_(lets_go) {}

  // For the records that came since the last call. Also notes the last of each partition, for
  // PartitionMove::last_record. REQUIRES: it is called before `batch` is handed over.
  void Settle(Batch& batch);
  // A record was missed.
  void KeepForAWhile() noexcept { batches_to_keep_ = kBatchesKept; }
  void BatchCommitted() noexcept {
    if (batches_to_keep_ != 0) --batches_to_keep_;
  }

 private:
  [[nodiscard]] bool AttributeEventsOf(Batch& batch, std::size_t record);

  Attributor& attributor_;
  bool lets_go_;
  std::size_t batches_to_keep_ = 0;
};

}  // namespace usage_ingest::pipeline
