#pragma once
// ProgressStore: the rows that say how far a reader is, changed in the transaction of its batch.
//
// Three readers write through the same transaction and differ only in where they store their
// progress: the daemon in kafka_offsets, a replay or import in replays, the retry of dead letters
// in those letters. Each sets its rows first, by comparing them with what it expects (INV-5), and
// records at the end what became of the events (INV-1).
//
// Owner         a PgBatchStore. Stateless but for what identifies the reader.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ingest/pipeline/batch.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::batch {

class ProgressStore {
 public:
  virtual ~ProgressStore() = default;
  // Its command reports exactly RowsToSet() rows, or another process has set them since.
  [[nodiscard]] virtual session::Statement CompareAndSet(const pipeline::Batch& batch) const = 0;
  [[nodiscard]] virtual std::size_t RowsToSet(const pipeline::Batch& batch) const = 0;
  // nullopt: the letters are stored already.
  [[nodiscard]] virtual std::optional<session::Statement> AddDeadLetters(
      std::span<const pipeline::DeadLetter> /*letters*/) const {
    return std::nullopt;
  }
  // What became of the events. nullopt: this reader does not store it.
  [[nodiscard]] virtual std::optional<session::Statement> RecordOutcomes(
      const pipeline::Batch& /*batch*/) const {
    return std::nullopt;
  }
  // next_offset of each of the batch's partitions, in order; NULL for a missing row. nullopt: this
  // reader has no offsets, and the ids of its rows tell what is committed.
  [[nodiscard]] virtual std::optional<session::Statement> ReadOffsets(
      const pipeline::Batch& /*batch*/) const {
    return std::nullopt;
  }
};

// usage_ingest.kafka_offsets of one consumer group.
[[nodiscard]] std::unique_ptr<ProgressStore> MakeGroupProgress(std::string group_id);
// usage_ingest.replays: rows `replay_ids`, one for each partition of the range.
[[nodiscard]] std::unique_ptr<ProgressStore> MakeReplayProgress(
    std::string group_id, std::vector<std::int64_t> replay_ids);
// Stores nothing but the dead letters: the transaction is rolled back.
[[nodiscard]] std::unique_ptr<ProgressStore> MakeDryRunProgress();

}  // namespace usage_ingest::postgres::batch
