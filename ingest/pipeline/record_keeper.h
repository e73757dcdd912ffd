#pragma once
// RecordKeeper: how long the bytes of a batch's records are kept.
//
// Once a record's events are decoded and the cache has their owners, the record is needed only for
// a dead letter that is decided later: a subscription is deleted, or the database refuses the row.
// Keeping all records for that would be most of a transaction's memory, and a smaller transaction
// updates each summary more often. So it is released. If it is needed nevertheless, the batch fails
// with kRecordGone, is read again from Kafka, and records are kept for a while.
//
// What is kept is copied: a record pins its whole fetch buffer, a megabyte for one of 3 KB.
//
// Owner         one lane.
// Invariants    INV-1: only a record whose events are all decided is released; a batch that needs a
//               released one commits nothing.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ingest/pipeline/attributor.h"
#include "ingest/pipeline/batch.h"

namespace usage_ingest::pipeline {

class RecordKeeper {
 public:
  // Batches that keep their records after one was missing: a database that refuses one row will
  // refuse more.
  static constexpr std::size_t kBatchesKept = 256;

  // Without `releases_records` every record stays as it is, for callers that cannot re-read:
  // replay, import, retry.
  RecordKeeper(Attributor& attributor, bool releases_records)
      : attributor_(attributor), releases_records_(releases_records) {}

  // For the records that came since the last call. Also notes the last of each partition, for
  // PartitionMove::last_record. REQUIRES: it is called before `batch` is handed over.
  void KeepOrRelease(Batch& batch);
  // The cache knows more owners: releases what was kept for want of them. REQUIRES: as above.
  void ReleaseKnown(Batch& batch);
  // A released record was needed.
  void KeepForAWhile() noexcept { batches_to_keep_ = kBatchesKept; }
  void BatchCommitted() noexcept {
    if (batches_to_keep_ != 0) --batches_to_keep_;
  }

 private:
  // What a call is about: from these on to the end of the batch.
  struct Range {
    std::size_t first_record = 0;
    std::size_t first_event = 0;
  };
  // What becomes of one record.
  struct Decision {
    std::uint32_t events = 0;
    bool is_needed = false;
    std::uint32_t index = kReleasedRecord;  // in Batch::records afterwards
  };

  void Decide(Batch& batch, Range range);
  void Release(Batch& batch, Range range);

  Attributor& attributor_;
  bool releases_records_;
  std::size_t batches_to_keep_ = 0;
  std::vector<Decision> decisions_;
};

}  // namespace usage_ingest::pipeline
