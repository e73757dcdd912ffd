#pragma once
// Ledger: the rows that say how far a reader is, moved in the transaction of its batch.
//
// Three readers write through the same transaction and differ only in what they keep books in: the
// daemon in kafka_offsets, a replay or import in replays, the retry of dead letters in those
// letters themselves. Each claims its rows first, by comparing them with what it expects (INV-5),
// and settles them last, with what became of the events (INV-1).
//
// Owner         a PgBatchStore. Stateless but for what identifies the reader.
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ingest/pipeline/batch.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::batch {

class Ledger {
 public:
  virtual ~Ledger() = default;
  // The compare-and-set. Its command must report exactly ClaimedRows() rows, else somebody else
  // went on in the meantime.
  [[nodiscard]] virtual session::Statement Claim(const pipeline::Batch& batch) const = 0;
  [[nodiscard]] virtual std::size_t ClaimedRows(const pipeline::Batch& batch) const = 0;
  // What the claimed rows are told at the end, dead letters included.
  virtual void Settle(const pipeline::Batch& batch,
                      std::vector<session::Statement>& statements) const = 0;
  // next_offset of each of the batch's partitions, in order; NULL for a missing row. Empty SQL:
  // this reader has no offsets, its rows' ids tell what is in.
  [[nodiscard]] virtual session::Statement ReadOffsets(const pipeline::Batch& batch) const = 0;
};

// usage_ingest.kafka_offsets of one consumer group.
[[nodiscard]] std::unique_ptr<Ledger> MakeGroupLedger(std::string group_id);
// Nothing is claimed and nothing settled but the dead letters: the transaction is rolled back.
[[nodiscard]] std::unique_ptr<Ledger> MakeDryRunLedger();
// usage_ingest.replays: rows `replay_ids`, one a partition of the range.
[[nodiscard]] std::unique_ptr<Ledger> MakeReplayLedger(std::string group_id,
                                                       std::vector<std::int64_t> replay_ids);

}  // namespace usage_ingest::postgres::batch
