#pragma once
// BatchWriter: takes one batch through the transaction until it is committed or another owner has
// its partitions.
//
// The order of the steps and the answer to each failure are here and nowhere else; BatchStore knows
// how each step is done in PostgreSQL. Everything that a retry needs is in the batch, so a
// transaction can be repeated: a transient error never makes a dead letter. What the database
// refuses because of the data is found by narrowing.h and set aside (INV-9).
//
// Owner         one lane.
// Invariants    INV-1, INV-4, INV-5: ARCHITECTURE.md names the test of each.
// Errors        Write: kFenced, kRecordGone and kTooLarge (drop the batch, ask for the positions;
//               the last one: read less at once), kShuttingDown, kFatal. All others are retried
//               here, with back-off, without end.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <set>

#include "ingest/pipeline/attributor.h"
#include "ingest/pipeline/backoff.h"
#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/batch_store.h"
#include "ingest/pipeline/batch_sums.h"
#include "ingest/pipeline/insert_plan.h"
#include "ingest/pipeline/narrowing.h"
#include "ingest/pipeline/recent_ids.h"
#include "ingest/pipeline/runtime.h"
#include "ingest/pipeline/telemetry.h"
#include "schema/event_counts.h"
#include "schema/limits.h"

namespace usage_ingest::pipeline {

struct BatchWriterOptions {
  SessionId session;
  std::size_t recent_ids_max = 1 << 18;
  // The caller can read the records of a batch again, and less of them at once. So a lane need not
  // keep their bytes (record_keeper.h).
  bool can_read_less = false;
  // How long a batch is held of which everything is refused.
  std::chrono::milliseconds all_refused_held = limits::kAllRefusedHeld;
};

struct WriteResult {
  EventCounts outcomes;
  QuotaChanges quotas;
  bool staged = false;
  std::array<std::chrono::nanoseconds, 5> phase_time{};
};

class BatchWriter {
 public:
  // Of the dead letters that one statement stores; a larger one is alone. A statement is copied a
  // few times, and no share of memory.budget is for it.
  static constexpr std::size_t kDeadLetterStatementBytes = 1 << 20;

  BatchWriter(BatchWriterOptions options, BatchStore& store, Attributor& attributor,
              TelemetrySink& telemetry, const Runtime& runtime);

  Task<Result<WriteResult>> Write(Batch& batch);
  // From any coroutine of the lane: ends back-offs; a transaction under way is finished.
  void Stop();
  // Any thread: how often a transaction was tried; grows also while PostgreSQL is away.
  [[nodiscard]] std::uint64_t attempts() const noexcept {
    return attempts_.load(std::memory_order_relaxed);
  }

 private:
  Task<Result<>> WriteInAttempts(Batch& batch);
  Task<Result<>> Attempt(Batch& batch);
  void ReportHeld(bool held);
  Task<Result<bool>> Prepare(Batch& batch);
  Task<Result<>> Reconnect();
  void ReportCopyPath();
  Task<Result<>> EnsurePartitions(const Batch& batch);
  Task<Result<>> RunTransaction(Batch& batch);
  // Polls of a job that has a row become duplicates.
  Task<Result<>> DropKnownJobs();
  Task<Result<>> WriteRows(Batch& batch);
  Task<Result<>> InsertRows();
  Task<Result<>> WritePieces(Batch& batch);
  Task<Result<>> AddDeadLetters(const Batch& batch);
  [[nodiscard]] Result<> SetAside(Batch& batch, std::span<const RefusedPiece> pieces);
  [[nodiscard]] Result<> HoldIfAllIsRefused(const Narrowing& pieces);
  Task<Result<>> AnswerFailure(Batch& batch, const Error& error);
  [[nodiscard]] Result<> AnswerRefusal(Batch& batch, const Error& error);

  [[nodiscard]] Result<> DropGoneParents(Batch& batch, const Parents& gone);
  void CountOutcomes(Batch& batch) const;
  void NoteCommitted();

  // What is known of the batch that is being written.
  struct InFlight {
    bool commit_in_doubt = false;      // the last COMMIT's reply was lost
    bool narrows = false;              // something of it is refused: write it in pieces
    bool has_made_partitions = false;  // since a partition was missing
    std::size_t named_rows = 0;        // that PostgreSQL named and that were taken out
    bool is_held = false;              // an attempt has failed
    WriteResult result;
  };

  BatchWriterOptions options_;
  BatchStore& store_;
  Attributor& attributor_;
  TelemetrySink& telemetry_;
  std::optional<CopyPath> reported_copy_path_;
  Runtime runtime_;
  Backoff backoff_;
  RecentIds recent_ids_;
  std::set<EventTimeUs> days_;  // whose partitions exist, or cannot be created
  // When an attempt was refused as a whole, the first one in kAllRefusedRemembered.
  std::optional<TimePoint> all_refused_since_;
  bool staged_ = false;  // duplicates are the rule at present
  std::atomic<std::uint64_t> attempts_{0};
  InFlight in_flight_;
  InsertPlan plan_;  // of the last attempt
  BatchSums sums_;
};

}  // namespace usage_ingest::pipeline
