// FakeBatchStore from the rows to COMMIT.
#include <algorithm>

#include "tests/sim/event_factory.h"
#include "tests/sim/fake_batch_store.h"

namespace usage_ingest::sim {

using namespace std::chrono_literals;

namespace {

// Longer than the writer's first back-offs: it looks before this COMMIT is through.
constexpr auto kLateCommit = 400ms;

LetterKey KeyOf(const pipeline::DeadLetter& letter) {
  return {letter.source->partition, letter.topic_id == nullptr ? TopicId{} : *letter.topic_id,
          letter.leader_epoch, letter.record_offset, letter.event_index};
}

}  // namespace

// True: inserted. In PostgreSQL's order: the partition is found, the row is checked, the index
// says whether the id is there, waiting for a transaction that has just inserted it.
Task<Result<bool>> FakeBatchStore::InsertRow(const UsageRow& row, OnDuplicate on_duplicate) {
  const UsageEvent& event = row.event;
  const auto day = aggregate::PeriodStart(aggregate::PeriodType::kDay, event.created_at);
  if (!tables().days.contains(day)) {
    const Result<> refused = Refuse(ErrorCode::kMissingPartition, "23514: no partition for row");
    co_return std::unexpected(refused.error());
  }
  if (event.latency_ms == kRefusedLatencyMs) {
    const Result<> refused =
        Refuse(ErrorCode::kBadRecord, "23514: a constraint of another program");
    co_return std::unexpected(refused.error());
  }
  const Result<> locked = co_await Lock({LockKind::kRow, event.id}, LockMode::kUpdate);
  if (!locked) co_return std::unexpected(locked.error());
  if (tables().rows.contains(event.id) && !has(PlantedBug::kDuplicatesAccepted)) {
    if (on_duplicate == OnDuplicate::kSkip) co_return false;
    const Result<> refused = Refuse(ErrorCode::kDuplicateRow, "23505: duplicate key");
    co_return std::unexpected(refused.error());
  }
  if (has(PlantedBug::kRowsOutsideOfCommit)) {
    tables().rows.emplace(event.id, MakeStoredRow(row));
    dependencies_.database.NoteChange();
    co_return true;
  }
  dependencies_.database.transaction(session_)->rows.emplace(event.id, MakeStoredRow(row));
  co_return true;
}

Task<Result<std::int64_t>> FakeBatchStore::CopyRows(std::span<const UsageRow* const> rows) {
  failure_ = {};
  const Result<> arrived = co_await Arrive(Step::kCopyRows);
  if (!arrived) co_return std::unexpected(arrived.error());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Result<bool> inserted = co_await InsertRow(*rows[i], OnDuplicate::kFail);
    if (inserted) continue;
    // The server does not always say in which line.
    if (inserted.error().code == ErrorCode::kBadRecord &&
        dependencies_.faults.random().PerThousand(500)) {
      failure_.row = i;
    }
    co_return std::unexpected(inserted.error());
  }
  const Result<> returned = co_await Return();
  if (!returned) co_return std::unexpected(returned.error());
  co_return static_cast<std::int64_t>(rows.size());
}

Task<Result<std::vector<Uuid>>> FakeBatchStore::LockJobs(std::span<const Uuid> ids) {
  std::vector<Uuid> found;
  for (const Uuid& id : ids) {
    if (tables().rows.contains(id)) found.push_back(id);
  }
  co_return found;
}

Task<Result<pipeline::StagedRows>> FakeBatchStore::StageRows(
    std::span<const UsageRow* const> rows) {
  failure_ = {};
  was_staged_ = true;
  const Result<> arrived = co_await Arrive(Step::kStageRows);
  if (!arrived) co_return std::unexpected(arrived.error());
  std::vector<const UsageRow*> sorted(rows.begin(), rows.end());
  std::ranges::sort(sorted, {}, [](const UsageRow* row) { return row->event.id; });
  pipeline::StagedRows staged;
  for (const UsageRow* row : sorted) {
    const Result<bool> inserted = co_await InsertRow(*row, OnDuplicate::kSkip);
    if (!inserted) co_return std::unexpected(inserted.error());
    if (*inserted) staged.inserted.push_back(row->event.id);
  }
  const Result<> returned = co_await Return();
  if (!returned) co_return std::unexpected(returned.error());
  co_return staged;
}

std::int64_t FakeBatchStore::AddQuotas(Transaction& transaction, const aggregate::Deltas& deltas) {
  if (has(PlantedBug::kQuotasDropped) && was_staged_) return 0;
  std::int64_t suspended = 0;
  for (const aggregate::QuotaDelta& delta : deltas.quotas) {
    const auto found = tables().subscriptions.find(delta.subscription_id);
    if (found == tables().subscriptions.end()) continue;
    transaction.quotas.push_back(delta);
    Subscription& now = found->second;
    const bool is_over = now.used_requests + delta.requests > now.quota_requests;
    const bool is_new = is_over && !now.is_suspended;
    suspended += is_new ? 1 : 0;
    if (is_new && has(PlantedBug::kSuspensionTwice)) ++now.suspensions;
  }
  return suspended;
}

// A counter is full, or a trigger of another program does not want them.
bool FakeBatchStore::RefusesSums(const aggregate::Deltas& deltas) const {
  return std::ranges::any_of(deltas.quotas, [&](const aggregate::QuotaDelta& delta) {
    return dependencies_.database.refused_subscriptions.contains(delta.subscription_id);
  });
}

Task<Result<pipeline::QuotaChanges>> FakeBatchStore::AddSums(const aggregate::Deltas& deltas) {
  const Result<> arrived = co_await Arrive(Step::kAddSums);
  if (!arrived) co_return std::unexpected(arrived.error());
  if (RefusesSums(deltas)) {
    const Result<> refused =
        Refuse(has(PlantedBug::kRefusalHeld) ? ErrorCode::kUnavailable : ErrorCode::kRejected,
               "22003: integer out of range");
    co_return std::unexpected(refused.error());
  }
  for (const aggregate::QuotaDelta& delta : deltas.quotas) {
    const LockKey key{LockKind::kSummary, delta.subscription_id};
    if (has(PlantedBug::kSumsOverwritten)) break;
    const Result<> locked = co_await Lock(key, LockMode::kNoKeyUpdate);
    if (!locked) co_return std::unexpected(locked.error());
  }
  Transaction& transaction = *dependencies_.database.transaction(session_);
  transaction.overwrites_summaries = has(PlantedBug::kSumsOverwritten);
  const auto add = [&](const aggregate::SummaryDelta& delta) {
    const SummaryKey key{delta.subscription_id, std::string(delta.model_id), delta.period_type,
                         delta.period_start};
    aggregate::Totals totals = delta.totals;
    const auto now = tables().summaries.find(key);
    if (transaction.overwrites_summaries && now != tables().summaries.end()) {
      totals.Add(now->second);
    }
    transaction.summaries.emplace_back(key, totals);
  };
  std::ranges::for_each(deltas.summaries, add);
  if (has(PlantedBug::kAggregatedTwice)) {
    std::ranges::for_each(kept_.summaries, add);
    kept_.summaries = deltas.summaries;
    for (auto& delta : kept_.summaries) {
      delta.model_id = *kept_models_.emplace(delta.model_id).first;
    }
  }
  if (!has(PlantedBug::kHistoryDropped) || !was_staged_) {
    for (const auto& delta : deltas.days) {
      transaction.history.emplace_back(KeyOf(delta.key), delta.totals);
    }
  }
  const std::int64_t suspended = AddQuotas(transaction, deltas);
  const Result<> returned = co_await Return();
  if (!returned) co_return std::unexpected(returned.error());
  co_return pipeline::QuotaChanges{.suspended = suspended, .warnings = 0};
}

Task<Result<>> FakeBatchStore::AddDeadLetters(std::span<const pipeline::DeadLetter> letters) {
  const Result<> arrived = co_await Arrive(Step::kAddDeadLetters);
  if (!arrived) co_return arrived;
  Transaction& transaction = *dependencies_.database.transaction(session_);
  if (!has(PlantedBug::kDeadLettersDropped)) {
    for (const auto& letter : letters) {
      LetterKey key = KeyOf(letter);
      if (has(PlantedBug::kLettersOfAllLogs)) {
        key.topic_id.clear();
        key.leader_epoch = kUnknownLeaderEpoch;
      }
      transaction.dead_letters.emplace_back(key, letter.reason);
    }
  }
  co_return co_await Return();
}

Task<Result<>> FakeBatchStore::RecordOutcomes(const Batch& batch) {
  const Result<> arrived = co_await Arrive(Step::kRecordOutcomes);
  if (!arrived) co_return arrived;
  Transaction& transaction = *dependencies_.database.transaction(session_);
  for (const auto& move : batch.partitions) {
    transaction.outcomes.emplace_back(move.source->partition, move.outcomes);
  }
  co_return co_await Return();
}

// The planted bug: what moves the offsets, and says what became of the events, comes later.
Task<Result<>> FakeBatchStore::CommitRowsFirst() {
  Transaction rows = std::move(*dependencies_.database.transaction(session_));
  Transaction offsets;
  std::swap(offsets.moves, rows.moves);
  std::swap(offsets.outcomes, rows.outcomes);
  *dependencies_.database.transaction(session_) = std::move(rows);
  dependencies_.database.Commit(session_);
  dependencies_.database.Begin(session_);
  *dependencies_.database.transaction(session_) = std::move(offsets);
  co_return co_await Arrive(Step::kCommit);
}

Task<Result<>> FakeBatchStore::Commit() {
  if (has(PlantedBug::kAckBeforeCommit)) {
    dependencies_.database.CommitAt(std::exchange(session_, dependencies_.database.Open()),
                                    runtime_.clock.Now() + kLateCommit);
    epoch_of_call_.reset();
    co_return Result<>{};
  }
  Result<> arrived = co_await Arrive(Step::kCommit);
  if (arrived && has(PlantedBug::kOffsetsAfterRows)) arrived = co_await CommitRowsFirst();
  if (!arrived && connected()) co_return arrived;  // the server said no
  if (!arrived) {
    is_in_doubt_ = true;
    co_return Fail(is_killed_ ? ErrorCode::kFatal : ErrorCode::kIndeterminate,
                   "no reply to COMMIT");
  }
  const CommitFault fault = dependencies_.faults.DrawCommit();
  if (fault == CommitFault::kDoneLater) {
    dependencies_.database.CommitAt(std::exchange(session_, 0), runtime_.clock.Now() + kLateCommit);
  } else if (fault != CommitFault::kNotDone) {
    dependencies_.database.Commit(session_);
  }
  at_.is_after = true;
  if (fault == CommitFault::kNone) {
    co_await Latency();
    if (!is_killed_ && dependencies_.database.is_open(session_)) {
      kept_ = {};
      blocked_since_.reset();
      is_in_doubt_ = false;
      epoch_of_call_.reset();
      co_return Result<>{};
    }
  }
  is_in_doubt_ = true;
  static_cast<void>(Lose("no reply to COMMIT"));  // what it says is said better here
  co_return Fail(is_killed_ ? ErrorCode::kFatal : ErrorCode::kIndeterminate, "no reply to COMMIT");
}

}  // namespace usage_ingest::sim
