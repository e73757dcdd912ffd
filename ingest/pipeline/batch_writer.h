#pragma once
// BatchWriter: takes one batch through the transaction until it is in, or is not ours any more.
//
// The order of the steps and the answer to each failure are here and nowhere else; how a step
// speaks to PostgreSQL is BatchStore's. Everything a retry needs is in the batch, so a transaction
// can be repeated as often as it takes: a transient error is never a dead letter.
//
// Owner         one lane.
// Invariants    INV-1, INV-4, INV-5: ARCHITECTURE.md names the test of each.
// Errors        Write: kFenced and kRecordGone (drop the batch, ask for the positions),
//               kShuttingDown, kFatal.
//               All others are retried here, with back-off, for ever.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <set>
#include <span>
#include <vector>

#include "ingest/pipeline/attributor.h"
#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/batch_store.h"
#include "ingest/pipeline/observer.h"
#include "ingest/pipeline/recent_ids.h"
#include "ingest/pipeline/runtime.h"
#include "schema/event_counts.h"

namespace usage_ingest::pipeline {

struct BatchWriterOptions {
  std::size_t lane = 0;
  std::size_t recent_ids_max = 1 << 18;
  // A replay or import without quotas writes rows and summaries only (INV-3's exception).
  bool count_quotas = true;
};

struct WriteResult {
  EventCounts outcomes;
  std::int64_t suspended = 0;
  bool staged = false;
  std::array<std::chrono::nanoseconds, 5> phase_time{};
};

class BatchWriter {
 public:
  BatchWriter(BatchWriterOptions options, BatchStore& store, Attributor& attributor,
              PipelineObserver& observer, Runtime runtime);

  Task<Result<WriteResult>> Write(Batch& batch);
  // From any coroutine of the lane: ends back-offs; a transaction under way is finished.
  void Stop();
  // Any thread: how often a transaction was tried; grows also while PostgreSQL is away.
  [[nodiscard]] std::uint64_t attempts() const noexcept {
    return attempts_.load(std::memory_order_relaxed);
  }

 private:
  // The rows of one attempt: what is left after known duplicates, in the order in which every
  // writer inserts (month, then id), so that two writers with the same ids wait, not deadlock.
  struct Plan {
    std::vector<BatchEvent*> rows;
    std::vector<BatchEvent*> duplicates;
    Parents parents;
  };

  Task<Result<>> Attempt(Batch& batch);
  Task<Result<bool>> Prepare(Batch& batch);
  Task<Result<>> Reconnect();
  Task<Result<>> EnsureMonths(const Batch& batch);
  Task<Result<>> RunTransaction(Batch& batch, Plan& plan);
  Task<Result<>> InsertRows(Plan& plan);
  Task<Result<>> AnswerFailure(Batch& batch, const Error& error);
  Task<Result<>> TakeOutBadRow(Batch& batch, const Error& error);
  Task<Result<std::size_t>> FindBadRow(std::span<const UsageRow* const> rows);
  Task<Result<>> BackOff(std::chrono::milliseconds bound);

  [[nodiscard]] Plan MakePlan(Batch& batch) const;
  [[nodiscard]] Result<> DropGoneParents(Batch& batch, Plan& plan, const Parents& gone);
  void SettleOutcomes(Batch& batch, const Plan& plan);
  void NoteCommitted(const Plan& plan);

  BatchWriterOptions options_;
  BatchStore& store_;
  Attributor& attributor_;
  PipelineObserver& observer_;
  Runtime runtime_;
  RecentIds recent_ids_;
  aggregate::Rollup rollup_;
  std::set<EventTimeUs> months_;  // whose partitions are known to be there
  Wakeup stop_;
  std::minstd_rand random_;
  std::vector<const UsageRow*> rows_of_copy_;  // of the last attempt; empty: it did not get there
  std::vector<BatchEvent*> events_of_copy_;
  bool stopping_ = false;
  bool staged_ = false;           // duplicates are the rule at present
  bool commit_in_doubt_ = false;  // the last COMMIT's reply was lost
  std::atomic<std::uint64_t> attempts_{0};
  int failures_ = 0;  // in a row, for back-off
  WriteResult result_;
};

}  // namespace usage_ingest::pipeline
