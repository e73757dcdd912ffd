#include "tests/sim/fake_batch_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "schema/limits.h"

namespace usage_ingest::sim {

using namespace std::chrono_literals;
using pipeline::AttributionAnswer;
using pipeline::AttributionQuestion;
using pipeline::Parents;

namespace {

constexpr auto kLockPoll = 20ms;

// Whether the row is as the batch expects, in the log that it expects.
bool IsInLog(const Tables& tables, const pipeline::PartitionMove& move) {
  const auto row = tables.offsets.find(move.source->partition);
  if (row == tables.offsets.end()) return false;
  const StoredOffset& stored = row->second.stored;
  const TopicId* expected = move.expected_log.topic_id;
  const std::int32_t epoch =
      stored.last_record ? stored.last_record->leader_epoch : kUnknownLeaderEpoch;
  return stored.topic_id == (expected == nullptr ? TopicId{} : *expected) &&
         epoch == move.expected_log.leader_epoch;
}

Offset StoredAt(const Tables& tables, const pipeline::PartitionMove& move) {
  const auto row = tables.offsets.find(move.source->partition);
  return row == tables.offsets.end() ? Offset{-1} : row->second.stored.next_offset;
}

Task<> SleepFor(const pipeline::Runtime& runtime, std::chrono::milliseconds duration) {
  pipeline::Wakeup never(runtime);
  co_await never.WaitUntil(runtime.clock.Now() + duration);
}

}  // namespace

// The writer comes with a new batch: it has just looked whether that is stale (Lane::WriteOne), and
// nothing has run in between.
void FakeBatchStore::NoteCall() {
  if (!epoch_of_call_) epoch_of_call_ = dependencies_.current_epoch.load();
}

Task<> FakeBatchStore::Latency() {
  if (dependencies_.faults.is_slow && dependencies_.faults.random().PerThousand(400)) {
    const std::chrono::milliseconds time(dependencies_.faults.random().Between(1, 30));
    co_await SleepFor(runtime_, time);
  } else {
    co_await pipeline::Yield(runtime_);
  }
}

Result<> FakeBatchStore::Lose(std::string_view how) {
  before_piece_.reset();
  dependencies_.database.Close(session_);
  session_ = 0;
  if (is_killed_) return Fail(ErrorCode::kFatal, "this process is gone");
  ++At(dependencies_.faults.losses, at_);
  return Fail(ErrorCode::kUnavailable, std::string(how));
}

// An error that the server answers: its transaction is over, the connection is not.
Result<> FakeBatchStore::Refuse(ErrorCode code, std::string_view why) {
  if (!before_piece_) dependencies_.database.Rollback(session_);
  return Fail(code, std::string(why));
}

Task<Result<>> FakeBatchStore::Arrive(Step step) {
  at_ = {step, false};
  NoteCall();
  dependencies_.database.Touch(session_, runtime_.clock.Now(), step == Step::kCopyRows);
  co_await Latency();
  if (is_killed_) co_return Lose("killed");
  if (!dependencies_.database.is_open(session_))
    co_return Lose("terminated by administrator command");
  if (has(PlantedBug::kFailureRefuses) && step == Step::kAddSums &&
      dependencies_.faults.random().PerThousand(300)) {
    co_return Refuse(ErrorCode::kRejected, "53100: disk full");
  }
  switch (dependencies_.faults.Draw()) {
    case Fault::kNone:
      co_return Result<>{};
    case Fault::kConnectionLost:
      co_return Lose("connection reset by peer");
    case Fault::kConflict:
      co_return Refuse(ErrorCode::kConflict, "40P01: deadlock detected");
    case Fault::kHiccup:
      co_return Refuse(ErrorCode::kUnavailable, "53100: disk full");
  }
  co_return Result<>{};
}

// A statement outside a transaction, or BEGIN.
Task<Result<>> FakeBatchStore::Enter(Step step) {
  if (has(PlantedBug::kSilentReconnect) && session_ == 0) {
    const Result<> opened = co_await Open();
    if (!opened) co_return opened;
  }
  co_return co_await Arrive(step);
}

Task<Result<>> FakeBatchStore::Return() {
  at_.is_after = true;
  co_await Latency();
  if (is_killed_) co_return Lose("killed");
  if (!dependencies_.database.is_open(session_))
    co_return Lose("terminated by administrator command");
  dependencies_.database.Touch(session_, runtime_.clock.Now(), false);
  if (dependencies_.faults.Draw() == Fault::kConnectionLost) co_return Lose("the reply was lost");
  co_return Result<>{};
}

Task<Result<>> FakeBatchStore::Open() {
  dependencies_.database.Close(session_);
  session_ = 0;
  co_await Latency();
  if (is_killed_) co_return Lose("killed");
  if (dependencies_.faults.Draw() != Fault::kNone) co_return Lose("could not connect");
  session_ = dependencies_.database.Open();
  co_return co_await Return();
}

Task<Result<>> FakeBatchStore::Connect() {
  at_ = {Step::kConnect, false};
  NoteCall();
  co_return co_await Open();
}

bool FakeBatchStore::connected() const {
  return session_ != 0 || (has(PlantedBug::kSilentReconnect) && !is_killed_);
}

Task<> FakeBatchStore::Reset() {
  before_piece_.reset();
  if (dependencies_.database.is_open(session_)) dependencies_.database.Rollback(session_);
  co_return;
}

void FakeBatchStore::Kill() {
  if (!is_killed_) ++At(dependencies_.faults.crashes, at_);
  is_killed_ = true;
  dependencies_.database.Close(session_);
}

Task<Result<bool>> FakeBatchStore::IsCommitted(const Batch& batch) {
  if (has(PlantedBug::kLostCommitBelieved)) {
    epoch_of_call_.reset();
    co_return true;
  }
  if (has(PlantedBug::kLostCommitRetried)) co_return false;
  const Result<> arrived = co_await Enter(Step::kIsCommitted);
  if (!arrived) co_return std::unexpected(arrived.error());
  std::size_t done = 0;
  std::size_t untouched = 0;
  for (const auto& move : batch.partitions) {
    const Offset stored = StoredAt(tables(), move);
    done += stored == move.next_offset ? 1U : 0U;
    untouched += stored == move.expected ? 1U : 0U;
  }
  const Result<> returned = co_await Return();
  if (!returned) co_return std::unexpected(returned.error());
  if (untouched == batch.partitions.size()) co_return false;
  epoch_of_call_.reset();
  if (done == batch.partitions.size()) co_return true;
  co_return Fail(ErrorCode::kFenced, "another owner has moved the offsets");
}

Task<Result<std::vector<AttributionAnswer>>> FakeBatchStore::Attribute(
    std::span<const AttributionQuestion> questions) {
  const Result<> arrived = co_await Enter(Step::kAttribute);
  if (!arrived) co_return std::unexpected(arrived.error());
  std::vector<AttributionAnswer> answers;
  for (const AttributionQuestion& question : questions) {
    AttributionAnswer answer;
    answer.owner = sim::Attribute(tables(), question.key_hash, question.team_id, question.model_id);
    if (!answer.owner) answer.missing = "no such key, or no subscription";
    answers.push_back(answer);
  }
  const Result<> returned = co_await Return();
  if (!returned) co_return std::unexpected(returned.error());
  co_return answers;
}

Task<Result<>> FakeBatchStore::EnsurePartition(EventTimeUs time) {
  const Result<> arrived = co_await Enter(Step::kEnsurePartition);
  if (!arrived) co_return arrived;
  tables().AddPartition(time);
  co_return co_await Return();
}

Task<Result<>> FakeBatchStore::Lock(LockKey key, LockMode mode) {
  const pipeline::TimePoint now = runtime_.clock.Now();
  const auto give_up_at = now + limits::kLockTimeout;
  const bool is_stuck = blocked_since_ && now - *blocked_since_ > limits::kStalledBlocksMax;
  if (is_stuck && !has(PlantedBug::kZombieLeftAlone)) {
    const SessionId holder = dependencies_.database.HolderOf(key, session_);
    if (dependencies_.database.is_silent(holder, now)) dependencies_.database.Close(holder);
  }
  while (!dependencies_.database.TryLock(session_, key, mode)) {
    if (runtime_.clock.Now() >= give_up_at) {
      if (!blocked_since_) blocked_since_ = give_up_at;
      co_return Refuse(ErrorCode::kConflict, "55P03: canceling statement due to lock timeout");
    }
    co_await SleepFor(runtime_, kLockPoll);
    if (is_killed_ || !dependencies_.database.is_open(session_))
      co_return Lose("gone while it waited");
  }
  co_return Result<>{};
}

Task<Result<>> FakeBatchStore::LockParents(const Parents& parents) {
  if (has(PlantedBug::kParentsNotLocked)) co_return Result<>{};
  for (const auto* ids : {&parents.subscriptions, &parents.api_keys, &parents.teams}) {
    for (const Uuid& id : *ids) {
      const Result<> locked = co_await Lock({LockKind::kParent, id}, LockMode::kKeyShare);
      if (!locked) co_return locked;
    }
  }
  co_return Result<>{};
}

Parents FakeBatchStore::GoneOf(const Parents& parents) const {
  Parents gone;
  if (has(PlantedBug::kParentsNotLocked)) return gone;
  const Tables& now = tables();
  for (const Uuid& id : parents.subscriptions) {
    if (!now.subscriptions.contains(id)) gone.subscriptions.push_back(id);
  }
  for (const Uuid& id : parents.api_keys) {
    const auto has_id = [&](const auto& key) { return key.second.id == id; };
    if (std::ranges::none_of(now.api_keys, has_id)) gone.api_keys.push_back(id);
  }
  for (const Uuid& id : parents.teams) {
    if (!now.teams.contains(id)) gone.teams.push_back(id);
  }
  return gone;
}

Result<> FakeBatchStore::CompareAndSet(const Batch& batch, Transaction& transaction) {
  for (const auto& move : batch.partitions) {
    const Offset stored = StoredAt(tables(), move);
    bool fits =
        (stored == move.expected && IsInLog(tables(), move)) || has(PlantedBug::kCasIgnored);
    fits = fits || (has(PlantedBug::kLostCommitRetried) && is_in_doubt_);
    if (!fits) {
      epoch_of_call_.reset();
      return Refuse(ErrorCode::kFenced,
                    fmt::format("partition {} is at {}, not at {}", move.source->partition.value,
                                stored.value, move.expected.value));
    }
    const Offset expected = has(PlantedBug::kLostCommitRetried) ? stored : move.expected;
    transaction.moves.push_back(
        {move.source->partition,
         expected,
         {.next_offset = move.next_offset,
          .last_record = move.last_record,
          .topic_id = move.topic_id == nullptr ? TopicId{} : *move.topic_id}});
  }
  return {};
}

Task<Result<pipeline::BeginResult>> FakeBatchStore::Begin(const Batch& batch,
                                                          const Parents& parents) {
  const Result<> arrived = co_await Enter(Step::kBegin);
  if (!arrived) co_return std::unexpected(arrived.error());
  if (!batch.empty() && batch.partitions.front().epoch.value < *epoch_of_call_) {
    dependencies_.violated(fmt::format("INV-5: a batch of epoch {} was begun in epoch {}",
                                       batch.partitions.front().epoch.value, *epoch_of_call_));
  }
  dependencies_.database.Begin(session_);
  std::vector<PartitionId> partitions;
  for (const auto& move : batch.partitions) partitions.push_back(move.source->partition);
  std::ranges::sort(partitions);
  for (const PartitionId partition : partitions) {
    const Result<> locked = co_await Lock(OffsetsLock(partition), LockMode::kUpdate);
    if (!locked) co_return std::unexpected(locked.error());
  }
  const Result<> compared = CompareAndSet(batch, *dependencies_.database.transaction(session_));
  if (!compared) co_return std::unexpected(compared.error());
  const Result<> locked = co_await LockParents(parents);
  if (!locked) co_return std::unexpected(locked.error());
  const Parents gone = GoneOf(parents);
  was_staged_ = false;
  const Result<> returned = co_await Return();
  if (!returned) co_return std::unexpected(returned.error());
  co_return pipeline::BeginResult{.gone = gone, .periods = {}};
}

Task<Result<>> FakeBatchStore::BeginPiece() {
  const Result<> arrived = co_await Arrive(Step::kBeginPiece);
  if (!arrived) co_return arrived;
  before_piece_ = *dependencies_.database.transaction(session_);
  co_return co_await Return();
}

// Its locks stay, which PostgreSQL releases: it makes others wait longer, and nothing else.
Task<Result<>> FakeBatchStore::EndPiece(pipeline::PieceEnd end) {
  const Result<> arrived = co_await Arrive(Step::kEndPiece);
  if (!arrived) co_return arrived;
  const bool is_undone = end == pipeline::PieceEnd::kUndo && !has(PlantedBug::kPieceNotUndone);
  if (is_undone) *dependencies_.database.transaction(session_) = *before_piece_;
  before_piece_.reset();
  co_return co_await Return();
}

}  // namespace usage_ingest::sim
