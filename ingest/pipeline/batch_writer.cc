#include "ingest/pipeline/batch_writer.h"

#include <optional>

#include "ingest/pipeline/bad_row_search.h"
#include "schema/check.h"
#include "schema/limits.h"

namespace usage_ingest::pipeline {
namespace {

// Below this share of duplicates the staged path costs more than the failed COPYs that it saves.
constexpr std::size_t kStagedDuplicatesPerThousand = 50;

EventTimeUs MonthOf(const UsageEvent& event) {
  return aggregate::PeriodStart(aggregate::PeriodType::kMonth, event.created_at);
}

constexpr std::size_t Index(Phase phase) { return static_cast<std::size_t>(phase); }

// Adds the time since it was made to a phase.
class PhaseTimer {
 public:
  PhaseTimer(const Clock& clock, std::chrono::nanoseconds& total)
      : clock_(clock), total_(total), begin_(clock.Now()) {}
  ~PhaseTimer() { total_ += clock_.Now() - begin_; }
  PhaseTimer(const PhaseTimer&) = delete;
  PhaseTimer& operator=(const PhaseTimer&) = delete;

 private:
  const Clock& clock_;
  std::chrono::nanoseconds& total_;
  TimePoint begin_;
};

}  // namespace

BatchWriter::BatchWriter(BatchWriterOptions options, BatchStore& store, Attributor& attributor,
                         TelemetrySink& telemetry, Runtime runtime)
    : options_(options),
      store_(store),
      attributor_(attributor),
      telemetry_(telemetry),
      runtime_(runtime),
      backoff_(runtime, options.session.lane + 1),
      recent_ids_(options.recent_ids_max) {}

void BatchWriter::Stop() { backoff_.Stop(); }

Task<Result<WriteResult>> BatchWriter::Write(Batch& batch) {
  in_flight_ = {};
  backoff_.Reset();
  for (;;) {
    attempts_.fetch_add(1, std::memory_order_relaxed);
    const Result<> attempt = co_await Attempt(batch);
    if (attempt) break;
    const Error error = attempt.error();
    if (store_.connected()) co_await store_.Reset();
    const Result<> answer = co_await AnswerFailure(batch, error);
    if (!answer) co_return std::unexpected(answer.error());
  }
  WriteResult& result = in_flight_.result;
  for (const PartitionMove& move : batch.partitions) result.outcomes.Add(move.outcomes);
  USAGE_INGEST_CHECK(result.outcomes.balances());
  co_return result;
}

Task<Result<>> BatchWriter::Attempt(Batch& batch) {
  plan_.Clear();
  const Result<bool> committed = co_await Prepare(batch);
  if (!committed) co_return std::unexpected(committed.error());
  if (*committed) co_return Result<>{};
  plan_.Make(batch, recent_ids_);
  co_return co_await RunTransaction(batch);
}

// Everything that needs no transaction. True: the batch is committed already.
Task<Result<bool>> BatchWriter::Prepare(Batch& batch) {
  if (!store_.connected()) {
    const Result<> connected = co_await Reconnect();
    if (!connected) co_return std::unexpected(connected.error());
  }
  if (in_flight_.commit_in_doubt) {
    const Result<bool> committed = co_await store_.IsCommitted(batch);
    if (!committed || *committed) co_return committed;
    in_flight_.commit_in_doubt = false;
  }
  const PhaseTimer timer(runtime_.clock, in_flight_.result.phase_time[Index(Phase::kAttribute)]);
  const Result<> resolved = co_await attributor_.Resolve(batch, store_);
  if (!resolved) co_return std::unexpected(resolved.error());
  const Result<> months = co_await EnsureMonths(batch);
  if (!months) co_return std::unexpected(months.error());
  co_return false;
}

Task<Result<>> BatchWriter::Reconnect() {
  // The server may be another one now, or may have lost its last transactions.
  recent_ids_.Forget();
  attributor_.Expire();
  months_.clear();
  const Result<> connected = co_await store_.Connect();
  telemetry_.On(PostgresSession{options_.session, connected.has_value()});
  co_return connected;
}

void BatchWriter::ReportCopyPath() {
  if (reported_copy_path_ == store_.copy_path()) return;
  reported_copy_path_ = store_.copy_path();
  telemetry_.On(CopyPathChosen{options_.session, *reported_copy_path_});
}

Task<Result<>> BatchWriter::EnsureMonths(const Batch& batch) {
  for (const BatchEvent& event : batch.events) {
    if (event.state != BatchEvent::State::kRow) continue;
    const EventTimeUs month = MonthOf(event.row.event);
    if (months_.contains(month)) continue;
    const Result<> ensured = co_await store_.EnsurePartition(month);
    if (!ensured) co_return ensured;
    months_.insert(month);
  }
  co_return Result<>{};
}

// The transaction, top to bottom. A crash before COMMIT leaves nothing of it; one after COMMIT
// leaves all of it.
Task<Result<>> BatchWriter::RunTransaction(Batch& batch) {
  auto& phase = in_flight_.result.phase_time;
  const auto gone = co_await store_.Begin(batch, plan_.parents());
  if (!gone) co_return std::unexpected(gone.error());
  ReportCopyPath();
  const Result<> dropped = DropGoneParents(batch, *gone);
  if (!dropped) co_return dropped;
  {
    const PhaseTimer timer(runtime_.clock, phase[Index(Phase::kCopy)]);
    const Result<> unknown = co_await DropKnownJobs();
    if (!unknown) co_return unknown;
    const Result<> inserted = co_await InsertRows();
    if (!inserted) co_return inserted;
  }
  CountOutcomes(batch);
  {
    const PhaseTimer timer(runtime_.clock, phase[Index(Phase::kUpsert)]);
    for (const BatchEvent* event : plan_.rows()) rollup_.Add(event->row);
    aggregate::Deltas deltas = rollup_.Take();
    if (!options_.count_quotas) deltas.quotas.clear();
    const Result<std::int64_t> suspended = co_await store_.Apply(deltas, batch);
    if (!suspended) co_return std::unexpected(suspended.error());
    in_flight_.result.suspended = *suspended;
  }
  const PhaseTimer timer(runtime_.clock, phase[Index(Phase::kCommit)]);
  const Result<> committed = co_await store_.Commit();
  if (!committed) co_return committed;
  NoteCommitted();
  co_return Result<>{};
}

// Events of a subscription that is gone are attributed again; a key or a team becomes NULL.
Result<> BatchWriter::DropGoneParents(Batch& batch, const Parents& gone) {
  if (!gone.subscriptions.empty()) {
    attributor_.ForgetSubscriptions(batch, gone.subscriptions);
    return Fail(ErrorCode::kConflict, "a subscription was deleted after it was looked up");
  }
  if (gone.api_keys.empty() && gone.teams.empty()) return {};
  attributor_.Expire();
  plan_.ClearParents(gone);
  return {};
}

Task<Result<>> BatchWriter::DropKnownJobs() {
  const std::vector<Uuid> jobs = plan_.Jobs();
  if (jobs.empty()) co_return Result<>{};
  const auto known = co_await store_.LockJobs(jobs);
  if (!known) co_return std::unexpected(known.error());
  plan_.DropKnown(*known);
  co_return Result<>{};
}

Task<Result<>> BatchWriter::InsertRows() {
  const auto rows = plan_.Send();
  if (rows.empty()) co_return Result<>{};
  if (!staged_) {
    const Result<std::int64_t> copied = co_await store_.CopyRows(rows);
    if (!copied) co_return std::unexpected(copied.error());
    USAGE_INGEST_CHECK(*copied == static_cast<std::int64_t>(rows.size()));
    co_return Result<>{};
  }
  const auto inserted = co_await store_.StageRows(rows);
  if (!inserted) co_return std::unexpected(inserted.error());
  in_flight_.result.staged = true;
  plan_.KeepInserted(*inserted);
  co_return Result<>{};
}

// From zero at each attempt: an earlier one may have found other duplicates.
void BatchWriter::CountOutcomes(Batch& batch) const {
  for (PartitionMove& move : batch.partitions) {
    move.outcomes.inserted = 0;
    move.outcomes.duplicates = 0;
  }
  for (BatchEvent* event : plan_.rows()) {
    event->is_duplicate = false;
    ++batch.partitions[event->partition].outcomes.inserted;
  }
  for (BatchEvent* event : plan_.duplicates()) {
    event->is_duplicate = true;
    ++batch.partitions[event->partition].outcomes.duplicates;
  }
}

void BatchWriter::NoteCommitted() {
  for (const BatchEvent* event : plan_.rows()) recent_ids_.Insert(event->row.event.id);
  for (const BatchEvent* event : plan_.duplicates()) recent_ids_.Insert(event->row.event.id);
  const std::size_t duplicates = plan_.duplicates().size();
  const std::size_t all = plan_.rows().size() + duplicates;
  if (staged_ && duplicates * 1000 < all * kStagedDuplicatesPerThousand) staged_ = false;
}

// What each error asks for (ARCHITECTURE.md, "The transaction of a batch").
Task<Result<>> BatchWriter::AnswerFailure(Batch& batch, const Error& error) {
  switch (error.code) {
    case ErrorCode::kDuplicateRow:
      staged_ = true;
      co_return Result<>{};
    case ErrorCode::kMissingPartition:
      months_.clear();
      break;
    case ErrorCode::kBadRecord: {
      telemetry_.On(PostgresFailed{PostgresErrorClass::kData, error.context});
      co_return co_await TakeOutBadRow(batch, error);
    }
    case ErrorCode::kIndeterminate:
      in_flight_.commit_in_doubt = true;
      break;
    case ErrorCode::kFenced:
    case ErrorCode::kRecordGone:
    case ErrorCode::kShuttingDown:
      co_return std::unexpected(error);
    case ErrorCode::kBadRequest:  // no step of a batch has one
    case ErrorCode::kFatal:
      telemetry_.On(PostgresFailed{PostgresErrorClass::kFatal, error.context});
      co_return std::unexpected(error);
    case ErrorCode::kUnavailable:
    case ErrorCode::kConflict:
    case ErrorCode::kLimitExceeded:
      break;
  }
  telemetry_.On(PostgresFailed{PostgresErrorClass::kTransient, error.context});
  if (!store_.connected()) telemetry_.On(PostgresSession{options_.session, false});
  const bool is_lock_alone = error.code == ErrorCode::kConflict && plan_.sent().empty();
  co_return co_await backoff_.Wait(is_lock_alone ? limits::kLockBackoffMax : limits::kBackoffMax);
}

// One row becomes a dead letter, the others stay.
Task<Result<>> BatchWriter::TakeOutBadRow(Batch& batch, const Error& error) {
  std::optional<std::size_t> row = store_.failure().row;
  if (!row || *row >= plan_.sent().size()) {
    const Result<std::size_t> found = co_await FindBadRow(store_, plan_.sent());
    if (!found) co_return co_await backoff_.Wait(limits::kBackoffMax);
    row = *found;
  }
  co_return attributor_.Reject(batch, plan_.sent_event(*row), DeadLetterReason::kRejectedByDatabase,
                               error.context);
}

}  // namespace usage_ingest::pipeline
