#pragma once
// Narrowing: writes the rows of a batch in pieces, and finds what the database refuses (INV-9).
//
// A batch that fails because of its data is repeated in pieces: the rows of a piece, and their
// sums, in a savepoint. A piece that is refused is undone and divided by subscription, then by
// month, then by rows. What is refused alone is left out; everything else stays in the transaction.
// The pieces before it are in the transaction too, so a counter that overflows by many events is
// found as well.
//
// Owner         one BatchWriter; made for one transaction, after Begin and before RecordOutcomes.
// Limit         after kNarrowingDivides a refused piece is not divided, after kNarrowingTries a
//               piece is not tried: both count as refused, and their events are retried as dead
//               letters.
// Errors        what says nothing about the rows (connection, lock, fence): the transaction is
//               over.
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/batch_store.h"
#include "ingest/pipeline/batch_sums.h"
#include "ingest/pipeline/runtime.h"

namespace usage_ingest::pipeline {

struct RefusedPiece {
  std::span<BatchEvent* const> events;  // into the Narrowing
  DeadLetterReason reason{};
  std::string detail;       // names the owner and the cause
  bool is_certain = false;  // a rule for rows refuses it: no fault of the database as a whole
};

class Narrowing {
 public:
  struct Options {
    BatchSums& sums;
    // Counts pieces, for the watchdog.
    std::atomic<std::uint64_t>* steps = nullptr;
  };
  Narrowing(Options options, BatchStore& store, const Clock& clock)
      : options_(options), store_(store), clock_(clock) {}

  // `rows` are to be inserted; each ends as inserted, duplicate or refused.
  Task<Result<>> Write(std::span<BatchEvent* const> rows);

  [[nodiscard]] std::span<BatchEvent* const> inserted() const { return inserted_; }
  [[nodiscard]] std::span<BatchEvent* const> duplicates() const { return duplicates_; }
  [[nodiscard]] std::span<const RefusedPiece> refused() const { return refused_; }
  [[nodiscard]] const QuotaChanges& quotas() const { return quotas_; }

 private:
  struct Piece {
    std::size_t first = 0;
    std::size_t count = 0;
  };
  struct Failure {
    Error error;
    bool is_of_sums = false;
  };

  Task<Result<>> WritePiece(Piece piece);
  Task<Result<>> TryPiece(Piece piece);
  void Sort(std::span<BatchEvent* const> piece, const StagedRows& staged);
  [[nodiscard]] bool IsDivided(Piece piece) const;
  void Divide(Piece piece);
  [[nodiscard]] std::size_t MiddleOf(Piece piece) const;
  void Refuse(Piece piece, const Failure& failure);

  Options options_;
  BatchStore& store_;
  const Clock& clock_;
  std::vector<BatchEvent*> ordered_;  // by subscription, month, id
  std::vector<Piece> pieces_;         // to be tried, the first one last
  std::vector<BatchEvent*> inserted_;
  std::vector<BatchEvent*> duplicates_;
  std::vector<RefusedPiece> refused_;
  QuotaChanges quotas_;
  TimePoint begun_;
  Failure failure_;                    // of the last piece that was refused
  const BatchEvent* group_ = nullptr;  // of the subscription and month whose sums were refused last
  std::size_t group_refusals_ = 0;
};

}  // namespace usage_ingest::pipeline
