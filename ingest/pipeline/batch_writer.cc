#include "ingest/pipeline/batch_writer.h"

#include <map>

#include "schema/check.h"

namespace usage_ingest::pipeline {
namespace {

// Below this share of duplicates the staged path costs more than the failed COPYs that it saves.
constexpr std::size_t kStagedDuplicatesPerThousand = 50;

// Rows of a batch that are taken out one by one, each by a COPY of all the others.
constexpr std::size_t kNamedRowsMax = 4;

// A partition covers a day at least.
EventTimeUs DayOf(const UsageEvent& event) {
  return aggregate::PeriodStart(aggregate::PeriodType::kDay, event.created_at);
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
                         TelemetrySink& telemetry, const Runtime& runtime)
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
  const Result<> written = co_await WriteInAttempts(batch);
  ReportHeld(false);
  if (!written) co_return std::unexpected(written.error());
  WriteResult& result = in_flight_.result;
  for (const PartitionMove& move : batch.partitions) result.outcomes.Add(move.outcomes);
  USAGE_INGEST_CHECK(result.outcomes.balances());
  co_return result;
}

Task<Result<>> BatchWriter::WriteInAttempts(Batch& batch) {
  for (;;) {
    attempts_.fetch_add(1, std::memory_order_relaxed);
    const Result<> attempt = co_await Attempt(batch);
    if (attempt) co_return Result<>{};
    const Error& error = attempt.error();
    if (store_.connected()) co_await store_.Reset();
    ReportHeld(true);
    const Result<> answer = co_await AnswerFailure(batch, error);
    if (!answer) co_return answer;
  }
}

void BatchWriter::ReportHeld(bool held) {
  if (in_flight_.is_held == held) return;
  in_flight_.is_held = held;
  telemetry_.On(BatchHeld{options_.session, held});
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
  const Result<> ensured = co_await EnsurePartitions(batch);
  if (!ensured) co_return std::unexpected(ensured.error());
  co_return false;
}

Task<Result<>> BatchWriter::Reconnect() {
  // The server may be another one now, or may have lost its last transactions.
  recent_ids_.Forget();
  attributor_.Expire();
  days_.clear();
  const Result<> connected = co_await store_.Connect();
  telemetry_.On(PostgresSession{options_.session, connected.has_value()});
  co_return connected;
}

void BatchWriter::ReportCopyPath() {
  if (reported_copy_path_ == store_.copy_path()) return;
  reported_copy_path_ = store_.copy_path();
  telemetry_.On(CopyPathChosen{options_.session, *reported_copy_path_});
}

Task<Result<>> BatchWriter::EnsurePartitions(const Batch& batch) {
  for (const BatchEvent& event : batch.events) {
    if (event.state != BatchEvent::State::kRow) continue;
    const EventTimeUs day = DayOf(event.row.event);
    if (days_.contains(day)) continue;
    const Result<> ensured = co_await store_.EnsurePartition(day);
    if (!ensured && ensured.error().code != ErrorCode::kRejected) co_return ensured;
    // PostgreSQL itself decides whether it takes the rows: into a DEFAULT partition, for example.
    if (!ensured) {
      telemetry_.On(PostgresFailed{PostgresErrorClass::kData, ensured.error().context});
    }
    days_.insert(day);
  }
  co_return Result<>{};
}

// The transaction, top to bottom. A crash before COMMIT leaves nothing of it; one after COMMIT
// leaves all of it.
Task<Result<>> BatchWriter::RunTransaction(Batch& batch) {
  auto begun = co_await store_.Begin(batch, plan_.parents());
  if (!begun) co_return std::unexpected(begun.error());
  ReportCopyPath();
  sums_.SetPeriods(std::move(begun->periods));
  const Result<> dropped = DropGoneParents(batch, begun->gone);
  if (!dropped) co_return dropped;
  const Result<> written = co_await WriteRows(batch);
  if (!written) co_return written;
  CountOutcomes(batch);
  const PhaseTimer timer(runtime_.clock, in_flight_.result.phase_time[Index(Phase::kCommit)]);
  const Result<> added = co_await AddDeadLetters(batch);
  if (!added) co_return added;
  const Result<> recorded = co_await store_.RecordOutcomes(batch);
  if (!recorded) co_return recorded;
  const Result<> committed = co_await store_.Commit();
  if (!committed) co_return committed;
  NoteCommitted();
  co_return Result<>{};
}

// In statements of a bounded size: each is copied into parameters and into libpq's buffer, which
// the batch's share of memory does not contain (INV-6).
Task<Result<>> BatchWriter::AddDeadLetters(const Batch& batch) {
  std::span<const DeadLetter> left = batch.dead_letters;
  while (!left.empty()) {
    std::size_t letters = 0;
    for (std::size_t bytes = 0; letters < left.size(); ++letters) {
      bytes += left[letters].bytes();
      if (letters != 0 && bytes > kDeadLetterStatementBytes) break;
    }
    attempts_.fetch_add(1, std::memory_order_relaxed);  // for the watchdog
    const Result<> added = co_await store_.AddDeadLetters(left.first(letters));
    if (!added) co_return added;
    left = left.subspan(letters);
  }
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

// Rows and sums.
Task<Result<>> BatchWriter::WriteRows(Batch& batch) {
  auto& phase = in_flight_.result.phase_time;
  {
    const PhaseTimer timer(runtime_.clock, phase[Index(Phase::kCopy)]);
    const Result<> unknown = co_await DropKnownJobs();
    if (!unknown) co_return unknown;
    if (in_flight_.narrows) co_return co_await WritePieces(batch);
    const Result<> inserted = co_await InsertRows();
    if (!inserted) co_return inserted;
  }
  const PhaseTimer timer(runtime_.clock, phase[Index(Phase::kUpsert)]);
  const Result<QuotaChanges> changes = co_await sums_.Write(plan_.rows(), store_);
  if (!changes) co_return std::unexpected(changes.error());
  in_flight_.result.quotas = *changes;
  co_return Result<>{};
}

// The same in pieces; what is refused becomes dead letters in this transaction.
Task<Result<>> BatchWriter::WritePieces(Batch& batch) {
  static_cast<void>(plan_.Send());
  Narrowing pieces({.sums = sums_, .steps = &attempts_}, store_, runtime_.clock);
  const Result<> written = co_await pieces.Write(plan_.rows());
  if (!written) co_return written;
  const Result<> held = HoldIfAllIsRefused(pieces);
  if (!held) co_return held;
  const Result<> set_aside = SetAside(batch, pieces.refused());
  if (!set_aside) co_return set_aside;
  plan_.KeepWritten(pieces.inserted(), pieces.duplicates());
  in_flight_.result.quotas = pieces.quotas();
  in_flight_.result.staged = true;
  co_return Result<>{};
}

// Refused events become dead letters, and with them those of the batch that repeat them.
Result<> BatchWriter::SetAside(Batch& batch, std::span<const RefusedPiece> pieces) {
  std::map<Uuid, const RefusedPiece*> piece_of;
  std::vector<Uuid> ids;
  for (const RefusedPiece& piece : pieces) {
    telemetry_.On(PostgresFailed{PostgresErrorClass::kData, piece.detail});
    for (BatchEvent* event : piece.events) {
      piece_of.emplace(event->row.event.id, &piece);
      const Result<> rejected = attributor_.Reject(batch, *event, piece.reason, piece.detail);
      if (!rejected) return rejected;
    }
  }
  for (const auto& [id, piece] : piece_of) ids.push_back(id);
  for (BatchEvent* event : plan_.TakeDuplicatesOf(ids)) {
    const RefusedPiece& piece = *piece_of.at(event->row.event.id);
    const Result<> rejected = attributor_.Reject(batch, *event, piece.reason, piece.detail);
    if (!rejected) return rejected;
  }
  return {};
}

// Where nothing is accepted, nothing says that the rows are at fault and not the database.
Result<> BatchWriter::HoldIfAllIsRefused(const Narrowing& pieces) {
  const auto uncertain = std::ranges::find(pieces.refused(), false, &RefusedPiece::is_certain);
  if (!pieces.inserted().empty() || uncertain == pieces.refused().end()) return {};
  const TimePoint now = runtime_.clock.Now();
  if (!all_refused_since_ || now - *all_refused_since_ > limits::kAllRefusedRemembered) {
    all_refused_since_ = now;
  }
  if (now - *all_refused_since_ >= options_.all_refused_held) return {};
  return Fail(ErrorCode::kUnavailable,
              "PostgreSQL refuses every row of the batch: " + uncertain->detail);
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
  if (!inserted->declined.empty()) {
    co_return Fail(ErrorCode::kRejected, "a BEFORE INSERT trigger of usage_logs declines rows");
  }
  in_flight_.result.staged = true;
  plan_.KeepInserted(inserted->inserted);
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

// What each error asks for (ARCHITECTURE.md, "Errors by SQLSTATE class").
Task<Result<>> BatchWriter::AnswerFailure(Batch& batch, const Error& error) {
  switch (error.code) {
    case ErrorCode::kDuplicateRow:
      if (!staged_) {
        staged_ = true;
        co_return Result<>{};
      }
      break;
    case ErrorCode::kMissingPartition:
      days_.clear();
      if (in_flight_.has_made_partitions && !in_flight_.narrows) {
        co_return AnswerRefusal(batch, error);
      }
      in_flight_.has_made_partitions = true;
      break;
    case ErrorCode::kTooLarge:
      if (options_.can_read_less && batch.record_times_ms.size() > 1)
        co_return std::unexpected(error);
      if (!in_flight_.narrows) co_return AnswerRefusal(batch, error);
      break;
    case ErrorCode::kBadRecord:
    case ErrorCode::kRejected:
      if (!in_flight_.narrows) co_return AnswerRefusal(batch, error);
      break;
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

// A row that PostgreSQL has named becomes a dead letter; else the next attempt finds what is
// refused.
Result<> BatchWriter::AnswerRefusal(Batch& batch, const Error& error) {
  const std::optional<std::size_t> row = store_.failure().row;
  const bool is_named = error.code == ErrorCode::kBadRecord && row && *row < plan_.sent().size();
  if (is_named && in_flight_.named_rows++ < kNamedRowsMax) {
    telemetry_.On(PostgresFailed{PostgresErrorClass::kData, error.context});
    return attributor_.Reject(batch, plan_.sent_event(*row), DeadLetterReason::kRejectedByDatabase,
                              error.context);
  }
  telemetry_.On(PostgresFailed{PostgresErrorClass::kTransient, error.context});
  in_flight_.narrows = true;
  return {};
}

}  // namespace usage_ingest::pipeline
