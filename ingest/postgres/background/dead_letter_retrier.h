#pragma once
// DeadLetterRetrier: puts dead letters through the pipeline again.
//
// The same assembler, attribution and transaction as a live event's, so a retry cannot count twice.
// The daemon calls it when its references changed and by a timer; an operator calls it by
// `dead-letters retry`.
//
// Owner         main's executor (or the CLI's); its own session.
// Limit         letters_max a call; kLettersPerBatch and kPayloadBytesPerBatch a
//               transaction.
// Errors        kFenced while another instance retries (one at a time, an advisory lock).
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ingest/pipeline/attributor.h"
#include "ingest/pipeline/batch_assembler.h"
#include "ingest/pipeline/batch_writer.h"
#include "ingest/pipeline/telemetry.h"
#include "ingest/postgres/batch/dead_letter_progress.h"
#include "ingest/postgres/batch/pg_batch_store.h"

namespace usage_ingest::postgres::background {

struct DeadLetterSelection {
  std::vector<std::string> reasons = {};  // empty: any
  std::vector<std::int64_t> ids = {};     // empty: any
  EventTimeUs first_seen_since = {};
  bool only_due = false;  // back off: a minute, doubling to an hour or a day
  // Unattributed ones that may have an owner now.
  bool only_with_owner = false;
  // Unattributed ones that a change of these users can give an owner; empty: any.
  std::vector<std::string> users = {};
  std::int64_t letters_max = 1'000'000'000;
  // By the server's clock; nothing: those that were not tried since the call began.
  std::optional<EventTimeUs> tried_before = {};
};

struct RetryReport {
  EventCounts outcomes;      // events = inserted + duplicates + dead_lettered + skipped
  EventTimeUs begun;         // for DeadLetterSelection::tried_before of the next call
  bool is_complete = false;  // all of the selection were tried
};

class DeadLetterRetrier {
 public:
  DeadLetterRetrier(batch::PgBatchStoreOptions options, event::DecoderOptions decoder,
                    pipeline::TelemetrySink& telemetry, const pipeline::Runtime& runtime);

  pipeline::Task<Result<RetryReport>> Retry(const DeadLetterSelection& selection);
  // Retry ends after the running transaction, with is_complete false. REQUIRES: on the executor.
  void Stop() {
    stopping_ = true;
    writer_.Stop();
  }

 private:
  struct Letter;
  pipeline::Task<Result<EventTimeUs>> Lock();
  pipeline::Task<> Unlock();
  pipeline::Task<Result<RetryReport>> RetryOfUsers(const DeadLetterSelection& selection,
                                                   EventTimeUs begun);
  pipeline::Task<Result<RetryReport>> RetrySelected(const DeadLetterSelection& selection,
                                                    EventTimeUs begun);
  pipeline::Task<Result<std::vector<Letter>>> Next(const DeadLetterSelection& selection,
                                                   EventTimeUs begun, std::int64_t letters_max);
  pipeline::Task<Result<std::vector<Letter>>> NextOf(std::string_view reason,
                                                     const DeadLetterSelection& selection,
                                                     EventTimeUs begun, std::int64_t letters_max);
  pipeline::Task<Result<EventCounts>> RetryBatch(std::vector<Letter> letters);
  const TopicPartition* Intern(const TopicPartition& source);

  pipeline::Runtime runtime_;
  batch::DeadLetterProgress progress_;
  batch::PgBatchStore store_;
  pipeline::TelemetrySink& telemetry_;
  std::atomic<std::uint64_t> epoch_{0};
  pipeline::BatchAssembler assembler_;
  pipeline::Attributor attributor_;
  pipeline::BatchWriter writer_;
  pipeline::Batch batch_;
  std::vector<std::unique_ptr<TopicPartition>> sources_;
  bool stopping_ = false;
};

}  // namespace usage_ingest::postgres::background
