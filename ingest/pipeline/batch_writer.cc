#include "ingest/pipeline/batch_writer.h"

#include <algorithm>
#include <utility>

#include "schema/check.h"
#include "schema/limits.h"

namespace usage_ingest::pipeline {
namespace {

using std::chrono::milliseconds;

// Below this share of duplicates the staged path costs more than the failed COPYs that it saves.
constexpr std::size_t kStagedDuplicatesPerThousand = 50;

EventTimeUs MonthOf(const UsageEvent& event) {
  return aggregate::PeriodStart(aggregate::PeriodType::kMonth, event.created_at);
}

void SortUnique(std::vector<Uuid>& ids) {
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  if (!ids.empty() && ids.front().is_nil()) ids.erase(ids.begin());
}

bool Has(const std::vector<Uuid>& sorted, const Uuid& id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
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
                         PipelineObserver& observer, Runtime runtime)
    : options_(options),
      store_(store),
      attributor_(attributor),
      observer_(observer),
      runtime_(runtime),
      recent_ids_(options.recent_ids_max),
      stop_(runtime),
      random_(static_cast<std::minstd_rand::result_type>(options.lane + 1)) {}

void BatchWriter::Stop() {
  stopping_ = true;
  stop_.Notify();
}

Task<Result<WriteResult>> BatchWriter::Write(Batch& batch) {
  result_ = {};
  commit_in_doubt_ = false;
  failures_ = 0;
  for (;;) {
    attempts_.fetch_add(1, std::memory_order_relaxed);
    const Result<> attempt = co_await Attempt(batch);
    if (attempt) break;
    const Error error = attempt.error();
    if (store_.connected()) co_await store_.Reset();
    const Result<> answer = co_await AnswerFailure(batch, error);
    if (!answer) co_return std::unexpected(answer.error());
  }
  for (const PartitionMove& move : batch.partitions) result_.outcomes.Add(move.outcomes);
  USAGE_INGEST_CHECK(result_.outcomes.balances());
  co_return result_;
}

Task<Result<>> BatchWriter::Attempt(Batch& batch) {
  rows_of_copy_.clear();
  const Result<bool> committed = co_await Prepare(batch);
  if (!committed) co_return std::unexpected(committed.error());
  if (*committed) co_return Result<>{};
  Plan plan = MakePlan(batch);
  co_return co_await RunTransaction(batch, plan);
}

// Everything that needs no transaction of ours. True: the batch is in already.
Task<Result<bool>> BatchWriter::Prepare(Batch& batch) {
  if (!store_.connected()) {
    const Result<> connected = co_await Reconnect();
    if (!connected) co_return std::unexpected(connected.error());
  }
  if (commit_in_doubt_) {
    const Result<bool> committed = co_await store_.IsCommitted(batch);
    if (!committed || *committed) co_return committed;
    commit_in_doubt_ = false;
  }
  const PhaseTimer timer(runtime_.clock, result_.phase_time[Index(Phase::kAttribute)]);
  const Result<> resolved = co_await attributor_.Resolve(batch, store_);
  if (!resolved) co_return std::unexpected(resolved.error());
  const Result<> months = co_await EnsureMonths(batch);
  if (!months) co_return std::unexpected(months.error());
  co_return false;
}

Task<Result<>> BatchWriter::Reconnect() {
  // The server may be another one now, or have lost its last transactions.
  recent_ids_.Forget();
  attributor_.Expire();
  months_.clear();
  const Result<> connected = co_await store_.Connect();
  observer_.PostgresUp(options_.lane, connected.has_value());
  co_return connected;
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

BatchWriter::Plan BatchWriter::MakePlan(Batch& batch) const {
  Plan plan;
  plan.rows.reserve(batch.events.size());
  for (BatchEvent& event : batch.events) {
    if (event.state != BatchEvent::State::kRow) continue;
    const bool is_known = recent_ids_.Contains(event.row.event.id);
    (is_known ? plan.duplicates : plan.rows).push_back(&event);
  }
  // Ids begin with the time, so their order is nearly the order of months; a row's month is a
  // function of its id's tuple, so equal ids are neighbours.
  std::sort(plan.rows.begin(), plan.rows.end(), [](const BatchEvent* a, const BatchEvent* b) {
    return a->row.event.id < b->row.event.id;
  });
  std::size_t kept = 0;
  for (BatchEvent* event : plan.rows) {
    if (kept != 0 && plan.rows[kept - 1]->row.event.id == event->row.event.id) {
      plan.duplicates.push_back(event);
    } else {
      plan.rows[kept++] = event;
    }
  }
  plan.rows.resize(kept);
  for (const BatchEvent* event : plan.rows) {
    plan.parents.subscriptions.push_back(event->row.owner.subscription_id);
    plan.parents.api_keys.push_back(event->row.owner.api_key_id);
    plan.parents.teams.push_back(event->row.owner.team_id);
  }
  SortUnique(plan.parents.subscriptions);
  SortUnique(plan.parents.api_keys);
  SortUnique(plan.parents.teams);
  return plan;
}

// The transaction, top to bottom. Dying anywhere before COMMIT leaves nothing; after it,
// everything.
Task<Result<>> BatchWriter::RunTransaction(Batch& batch, Plan& plan) {
  auto& phase = result_.phase_time;
  const auto gone = co_await store_.Begin(batch, plan.parents);
  if (!gone) co_return std::unexpected(gone.error());
  const Result<> dropped = DropGoneParents(batch, plan, *gone);
  if (!dropped) co_return dropped;
  {
    const PhaseTimer timer(runtime_.clock, phase[Index(Phase::kCopy)]);
    const Result<> inserted = co_await InsertRows(plan);
    if (!inserted) co_return inserted;
  }
  SettleOutcomes(batch, plan);
  {
    const PhaseTimer timer(runtime_.clock, phase[Index(Phase::kUpsert)]);
    for (const BatchEvent* event : plan.rows) rollup_.Add(event->row);
    aggregate::Deltas deltas = rollup_.Take();
    if (!options_.count_quotas) deltas.quotas.clear();
    const Result<std::int64_t> suspended = co_await store_.Apply(deltas, batch);
    if (!suspended) co_return std::unexpected(suspended.error());
    result_.suspended = *suspended;
  }
  const PhaseTimer timer(runtime_.clock, phase[Index(Phase::kCommit)]);
  const Result<> committed = co_await store_.Commit();
  if (!committed) co_return committed;
  NoteCommitted(plan);
  co_return Result<>{};
}

// A key or a team that is gone becomes NULL, as the foreign keys' ON DELETE SET NULL would have it;
// events of a subscription that is gone are attributed again.
Result<> BatchWriter::DropGoneParents(Batch& batch, Plan& plan, const Parents& gone) {
  if (!gone.subscriptions.empty()) {
    attributor_.ForgetSubscriptions(batch, gone.subscriptions);
    return Fail(ErrorCode::kConflict, "a subscription was deleted after it was looked up");
  }
  if (gone.api_keys.empty() && gone.teams.empty()) return {};
  attributor_.Expire();
  for (BatchEvent* event : plan.rows) {
    Attribution& owner = event->row.owner;
    if (Has(gone.api_keys, owner.api_key_id)) owner.api_key_id = {};
    if (Has(gone.teams, owner.team_id)) owner.team_id = {};
  }
  return {};
}

Task<Result<>> BatchWriter::InsertRows(Plan& plan) {
  for (const BatchEvent* event : plan.rows) rows_of_copy_.push_back(&event->row);
  events_of_copy_ = plan.rows;
  if (rows_of_copy_.empty()) co_return Result<>{};
  if (!staged_) {
    const Result<std::int64_t> copied = co_await store_.CopyRows(rows_of_copy_);
    if (!copied) co_return std::unexpected(copied.error());
    USAGE_INGEST_CHECK(*copied == static_cast<std::int64_t>(plan.rows.size()));
    co_return Result<>{};
  }
  const auto inserted = co_await store_.StageRows(rows_of_copy_);
  if (!inserted) co_return std::unexpected(inserted.error());
  result_.staged = true;
  const auto first_duplicate = std::stable_partition(
      plan.rows.begin(), plan.rows.end(),
      [&](const BatchEvent* event) { return Has(*inserted, event->row.event.id); });
  plan.duplicates.insert(plan.duplicates.end(), first_duplicate, plan.rows.end());
  plan.rows.erase(first_duplicate, plan.rows.end());
  USAGE_INGEST_CHECK(plan.rows.size() == inserted->size());
  co_return Result<>{};
}

// Counted anew at each attempt: an earlier one may have gone another way.
void BatchWriter::SettleOutcomes(Batch& batch, const Plan& plan) {
  for (PartitionMove& move : batch.partitions) {
    move.outcomes.inserted = 0;
    move.outcomes.duplicates = 0;
  }
  for (BatchEvent* event : plan.rows) {
    event->is_duplicate = false;
    ++batch.partitions[event->partition].outcomes.inserted;
  }
  for (BatchEvent* event : plan.duplicates) {
    event->is_duplicate = true;
    ++batch.partitions[event->partition].outcomes.duplicates;
  }
}

void BatchWriter::NoteCommitted(const Plan& plan) {
  for (const BatchEvent* event : plan.rows) recent_ids_.Insert(event->row.event.id);
  for (const BatchEvent* event : plan.duplicates) recent_ids_.Insert(event->row.event.id);
  const std::size_t all = plan.rows.size() + plan.duplicates.size();
  if (staged_ && plan.duplicates.size() * 1000 < all * kStagedDuplicatesPerThousand) {
    staged_ = false;
  }
}

// What each error asks for (architecture: "Errors by SQLSTATE class").
Task<Result<>> BatchWriter::AnswerFailure(Batch& batch, const Error& error) {
  switch (error.code) {
    case ErrorCode::kDuplicateRow:
      staged_ = true;
      co_return Result<>{};
    case ErrorCode::kMissingPartition:
      months_.clear();
      break;
    case ErrorCode::kBadRecord: {
      observer_.PostgresError(PostgresErrorClass::kData, error.context);
      co_return co_await TakeOutBadRow(batch, error);
    }
    case ErrorCode::kIndeterminate:
      commit_in_doubt_ = true;
      break;
    case ErrorCode::kFenced:
    case ErrorCode::kRecordGone:
    case ErrorCode::kShuttingDown:
      co_return std::unexpected(error);
    case ErrorCode::kFatal:
      observer_.PostgresError(PostgresErrorClass::kFatal, error.context);
      co_return std::unexpected(error);
    case ErrorCode::kUnavailable:
    case ErrorCode::kConflict:
    case ErrorCode::kLimitExceeded:
      break;
  }
  observer_.PostgresError(PostgresErrorClass::kTransient, error.context);
  if (!store_.connected()) observer_.PostgresUp(options_.lane, false);
  const bool is_lock_alone = error.code == ErrorCode::kConflict && rows_of_copy_.empty();
  co_return co_await BackOff(is_lock_alone ? limits::kLockBackoffMax : limits::kBackoffMax);
}

// One row goes to the dead letters, the others stay; where the server did not say which row, it is
// found by halves, each half tried in a transaction of its own that is rolled back (staged, since
// among the rows there may be duplicates too).
Task<Result<>> BatchWriter::TakeOutBadRow(Batch& batch, const Error& error) {
  std::optional<std::size_t> row = store_.failure().row;
  if (!row || *row >= events_of_copy_.size()) {
    const Result<std::size_t> found = co_await FindBadRow(rows_of_copy_);
    if (!found) co_return co_await BackOff(limits::kBackoffMax);
    row = *found;
  }
  co_return attributor_.Reject(batch, *events_of_copy_[*row], DeadLetterReason::kRejectedByDatabase,
                               error.context);
}

Task<Result<std::size_t>> BatchWriter::FindBadRow(std::span<const UsageRow* const> rows) {
  std::size_t first = 0;
  std::size_t count = rows.size();
  while (count > 1) {
    const std::size_t half = count / 2;
    const Result<> begun = co_await store_.BeginTrial();
    if (!begun) co_return std::unexpected(begun.error());
    const auto tried = co_await store_.StageRows(rows.subspan(first, half));
    const bool is_bad = !tried && tried.error().code == ErrorCode::kBadRecord;
    if (!tried && !is_bad) co_return std::unexpected(tried.error());
    co_await store_.Reset();
    if (!is_bad) first += half;
    count = is_bad ? half : count - half;
  }
  co_return first;
}

Task<Result<>> BatchWriter::BackOff(milliseconds bound) {
  const auto longest =
      std::min<milliseconds>(limits::kBackoffMin * (1 << std::min(failures_, 7)), bound);
  ++failures_;
  // Jitter, so that lanes and daemons that failed together do not come back together.
  std::uniform_int_distribution<milliseconds::rep> wait(longest.count() / 2, longest.count());
  if (!stopping_) co_await stop_.WaitUntil(runtime_.clock.Now() + milliseconds(wait(random_)));
  if (stopping_) co_return Fail(ErrorCode::kShuttingDown, "stopped while PostgreSQL was away");
  co_return Result<>{};
}

}  // namespace usage_ingest::pipeline
