#pragma once
// BatchStore: what a lane asks of PostgreSQL, one method for each step of the transaction.
//
// The steps and their order are the contract of ARCHITECTURE.md ("The transaction of a batch"); the
// writer drives them, so a simulation that implements this interface meets the real order and can
// fail or die between any two steps.
//
// Owner         one lane: one session of the database.
// Errors        every step: kUnavailable, kConflict, kFatal as schema/error.h says. After any error
//               the transaction is over and the writer calls Reset() before it starts again; a step
//               with more to say names it below.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "aggregate/rollup.h"
#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/task.h"
#include "ingest/pipeline/telemetry.h"
#include "schema/error.h"

namespace usage_ingest::pipeline {

// Asks for the owner of an event. Texts as the event has them; empty means absent.
struct AttributionQuestion {
  std::string_view key_hash = {};
  std::string_view user_id = {};
  std::string_view team_id = {};
  std::string_view model_id = {};
};
struct AttributionAnswer {
  std::optional<Attribution> owner;  // nullopt: no subscription
  std::string_view missing;          // "key", "user", "subscription"; static text
};

// Distinct ids that the rows refer to, sorted.
struct Parents {
  std::vector<Uuid> subscriptions;
  std::vector<Uuid> api_keys;
  std::vector<Uuid> teams;
};

// The quota period of a subscription that began after the oldest event of the batch.
struct QuotaPeriod {
  Uuid subscription_id;
  EventTimeUs started_at;
};

// What the transaction has found at its begin.
struct BeginResult {
  Parents gone;
  std::vector<QuotaPeriod> periods;
};

// What the counters of a transaction have caused.
struct QuotaChanges {
  std::int64_t suspended = 0;  // subscriptions
  std::int64_t warnings = 0;   // thresholds that were reached

  void Add(const QuotaChanges& other) {
    suspended += other.suspended;
    warnings += other.warnings;
  }
};

struct CopyFailure {
  std::optional<std::size_t> row;  // index into the rows given, when the server said which
};

// What became of rows that were staged. Ids are sorted; the others are duplicates.
struct StagedRows {
  std::vector<Uuid> inserted;
  std::vector<Uuid> declined;  // a trigger of another program did not let them in
};

enum class PieceEnd : unsigned char { kKeep, kUndo };

class BatchStore {
 public:
  virtual ~BatchStore() = default;

  // A new session; the old one, if any, is closed. kFatal only for what stays wrong
  // until a person changes it: a password, a missing table. kUnavailable while a trigger would
  // count rows twice.
  virtual Task<Result<>> Connect() = 0;
  [[nodiscard]] virtual bool connected() const = 0;
  // What the session has decided in the last Begin().
  [[nodiscard]] virtual CopyPath copy_path() const = 0;
  // Ends an open transaction; closes the session when that cannot be done.
  virtual Task<> Reset() = 0;

  // After a lost reply to COMMIT: is the batch committed? kFenced: another owner has moved its
  // offsets.
  // Outside a transaction.
  virtual Task<Result<bool>> IsCommitted(const Batch& batch) = 0;
  // Answers in the order of the questions. Outside a transaction.
  virtual Task<Result<std::vector<AttributionAnswer>>> Attribute(
      std::span<const AttributionQuestion> questions) = 0;
  // Creates the partition for rows of `time`. Outside a transaction.
  virtual Task<Result<>> EnsurePartition(EventTimeUs time) = 0;

  // BEGIN, the compare-and-set of the offsets, the parents' locks, the start of quota periods that
  // are due. kFenced: an offsets row did not hold what was expected.
  virtual Task<Result<BeginResult>> Begin(const Batch& batch, const Parents& parents) = 0;
  // A part of the transaction that can be undone alone: SAVEPOINT. Until it ends, an error ends
  // the piece and not the transaction. kKeep also does the checks that wait for COMMIT: kRejected.
  virtual Task<Result<>> BeginPiece() = 0;
  virtual Task<Result<>> EndPiece(PieceEnd end) = 0;
  // Locks the jobs with these row ids, which are sorted, until the end of the transaction. Returns
  // those that have a row already, sorted: the primary key has created_at too, and each poll of a
  // job has another.
  virtual Task<Result<std::vector<Uuid>>> LockJobs(std::span<const Uuid> ids) = 0;
  // Binary COPY into usage_logs. Returns the rows that the server counted.
  // kDuplicateRow, kMissingPartition, kRejected, kTooLarge; kBadRecord: failure() says which row,
  // if known.
  virtual Task<Result<std::int64_t>> CopyRows(std::span<const UsageRow* const> rows) = 0;
  // The same through a temporary table with ON CONFLICT DO NOTHING. Only our own key makes a
  // duplicate.
  virtual Task<Result<StagedRows>> StageRows(std::span<const UsageRow* const> rows) = 0;
  [[nodiscard]] virtual CopyFailure failure() const = 0;
  // Summaries, quotas with their warnings and suspensions. kRejected, kTooLarge; kConflict: a quota
  // period began since Begin().
  virtual Task<Result<QuotaChanges>> AddSums(const aggregate::Deltas& deltas) = 0;
  // Stores some of the batch's dead letters. What is sent is copied, so the writer bounds its size.
  virtual Task<Result<>> AddDeadLetters(std::span<const DeadLetter> letters) = 0;
  // The partitions' counters.
  virtual Task<Result<>> RecordOutcomes(const Batch& batch) = 0;
  // kIndeterminate: the reply was lost; only the offsets row tells. kRejected: a check that was
  // deferred to COMMIT.
  virtual Task<Result<>> Commit() = 0;
};

}  // namespace usage_ingest::pipeline
