#pragma once
// ScriptedStore: a BatchStore that fails where the test says and keeps what was committed.
//
// Each step fails with the errors that were queued for it, one a call, then works. What it commits
// are the ids of the rows, so that a test sees how often each one got in.
//
// Owner         the test; single-threaded.
#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "ingest/pipeline/batch_store.h"

namespace usage_ingest::pipeline {

enum class Step {
  kConnect,
  kAttribute,
  kEnsure,
  kBegin,
  kPiece,
  kCopy,
  kStage,
  kSums,
  kLetters,
  kOutcomes,
  kCommit,
  kAsk
};

class ScriptedStore final : public BatchStore {
 public:
  // The next `times` calls of `step` fail; with `is_broken` the session is gone as well.
  void FailNext(Step step, ErrorCode code, int times = 1, bool is_broken = false) {
    for (int i = 0; i < times; ++i) script_[step].push_back({code, is_broken});
  }
  [[nodiscard]] int calls(Step step) const {
    const auto found = calls_.find(step);
    return found == calls_.end() ? 0 : found->second;
  }
  // How often each row was committed.
  std::map<Uuid, int> committed;
  // COPY and the staged insert refuse these rows.
  std::set<Uuid> refused;
  bool names_refused_row = true;  // as COPY does, and the staged insert does not
  ErrorCode refused_as = ErrorCode::kBadRecord;
  std::set<Uuid> declined;             // a BEFORE trigger returns NULL for them
  std::set<Uuid> full;                 // subscriptions whose counters take nothing
  std::int64_t counter_end = 1 << 30;  // no subscription takes more requests
  Parents gone;                        // answered by the next Begin
  std::vector<QuotaPeriod> periods;    // answered by each Begin
  bool is_committed = false;           // what the offsets row says when asked
  std::vector<Parents> locked;
  std::vector<aggregate::QuotaDelta> quotas;
  std::vector<std::string> letters;            // payloads of the last transaction's dead letters
  std::vector<std::size_t> statement_letters;  // how many letters each statement stored
  bool knows_owner = true;                     // attribution finds one
  int resets = 0;
  CopyPath path = CopyPath::kBatch;  // what the session decides

  Task<Result<>> Connect() override {
    auto result = Next(Step::kConnect);
    connected_ = result.has_value();
    co_return result;
  }
  [[nodiscard]] bool connected() const override { return connected_; }
  [[nodiscard]] CopyPath copy_path() const override { return path; }
  Task<> Reset() override {
    ++resets;
    open_.clear();
    open_requests_.clear();
    co_return;
  }
  Task<Result<bool>> IsCommitted(const Batch&) override {
    auto result = Next(Step::kAsk);
    if (!result) co_return std::unexpected(result.error());
    co_return is_committed;
  }
  Task<Result<std::vector<AttributionAnswer>>> Attribute(
      std::span<const AttributionQuestion> questions) override {
    auto result = Next(Step::kAttribute);
    if (!result) co_return std::unexpected(result.error());
    std::vector<AttributionAnswer> answers(questions.size());
    for (AttributionAnswer& answer : answers) {
      if (knows_owner) answer.owner = owner;
    }
    for (std::size_t i = 0; i < questions.size(); ++i) {
      const auto other = other_owners.find(questions[i].key_hash);
      if (other != other_owners.end()) answers[i].owner = other->second;
    }
    co_return answers;
  }
  Task<Result<>> EnsurePartition(EventTimeUs) override { co_return Next(Step::kEnsure); }
  Task<Result<BeginResult>> Begin(const Batch&, const Parents& parents) override {
    auto result = Next(Step::kBegin);
    if (!result) co_return std::unexpected(result.error());
    open_.clear();
    open_requests_.clear();
    letters.clear();
    locked.push_back(parents);
    co_return BeginResult{.gone = std::exchange(gone, {}), .periods = periods};
  }
  Task<Result<>> BeginPiece() override {
    auto result = Next(Step::kPiece);
    kept_ = open_;
    kept_requests_ = open_requests_;
    co_return result;
  }
  Task<Result<>> EndPiece(PieceEnd end) override {
    if (end == PieceEnd::kKeep) co_return Result<>{};
    open_ = kept_;
    open_requests_ = kept_requests_;
    co_return Result<>{};
  }
  Task<Result<std::int64_t>> CopyRows(std::span<const UsageRow* const> rows) override {
    auto result = Next(Step::kCopy);
    if (!result) co_return std::unexpected(result.error());
    if (auto accepted = Accept(rows, names_refused_row); !accepted) {
      co_return std::unexpected(accepted.error());
    }
    for (const UsageRow* row : rows) {
      if (committed.contains(row->event.id)) {
        co_return Fail(ErrorCode::kDuplicateRow, "23505");
      }
    }
    for (const UsageRow* row : rows) {
      if (declined.contains(row->event.id)) co_return Fail(ErrorCode::kRejected, "took fewer");
    }
    for (const UsageRow* row : rows) open_.push_back(row->event.id);
    co_return static_cast<std::int64_t>(rows.size());
  }
  Task<Result<std::vector<Uuid>>> LockJobs(std::span<const Uuid> ids) override {
    std::vector<Uuid> known;
    for (const Uuid& id : ids) {
      if (committed.contains(id)) known.push_back(id);
    }
    co_return known;
  }
  Task<Result<StagedRows>> StageRows(std::span<const UsageRow* const> rows) override {
    auto result = Next(Step::kStage);
    if (!result) co_return std::unexpected(result.error());
    if (auto accepted = Accept(rows, false); !accepted) {
      co_return std::unexpected(accepted.error());
    }
    StagedRows staged;
    for (const UsageRow* row : rows) {
      if (declined.contains(row->event.id)) {
        staged.declined.push_back(row->event.id);
      } else if (!committed.contains(row->event.id)) {
        staged.inserted.push_back(row->event.id);
      }
    }
    std::ranges::sort(staged.inserted);
    std::ranges::sort(staged.declined);
    open_.insert(open_.end(), staged.inserted.begin(), staged.inserted.end());
    co_return staged;
  }
  [[nodiscard]] CopyFailure failure() const override { return failure_; }
  Task<Result<QuotaChanges>> AddSums(const aggregate::Deltas& deltas) override {
    auto result = Next(Step::kSums);
    if (!result) co_return std::unexpected(result.error());
    quotas = deltas.quotas;
    for (const aggregate::QuotaDelta& delta : deltas.quotas) {
      std::int64_t& requests = open_requests_[delta.subscription_id];
      requests += delta.requests;
      if (full.contains(delta.subscription_id) || requests > counter_end) {
        co_return Fail(ErrorCode::kRejected, "22003: integer out of range");
      }
    }
    co_return QuotaChanges{};
  }
  Task<Result<>> AddDeadLetters(std::span<const DeadLetter> added) override {
    auto result = Next(Step::kLetters);
    if (!result) co_return result;
    for (const DeadLetter& letter : added) letters.emplace_back(letter.payload);
    statement_letters.push_back(added.size());
    co_return result;
  }
  Task<Result<>> RecordOutcomes(const Batch&) override { co_return Next(Step::kOutcomes); }
  Task<Result<>> Commit() override {
    auto result = Next(Step::kCommit);
    if (!result) co_return result;
    for (const Uuid& id : open_) ++committed[id];
    co_return result;
  }

  Attribution owner;
  std::map<std::string, Attribution, std::less<>> other_owners;  // by key hash

 private:
  struct Failure {
    ErrorCode code;
    bool is_broken;
  };

  Result<> Next(Step step) {
    ++calls_[step];
    auto& failures = script_[step];
    if (failures.empty()) return {};
    const Failure failure = failures.front();
    failures.pop_front();
    if (failure.is_broken) connected_ = false;
    return Fail(failure.code, "scripted");
  }
  Result<> Accept(std::span<const UsageRow* const> rows, bool names_row) {
    failure_ = {};
    const auto bad = std::ranges::find_if(
        rows, [&](const UsageRow* row) { return refused.contains(row->event.id); });
    if (bad == rows.end()) return {};
    if (names_row) failure_.row = static_cast<std::size_t>(bad - rows.begin());
    return Fail(refused_as, "23514: refused");
  }

  std::map<Step, std::deque<Failure>> script_;
  std::map<Step, int> calls_;
  std::vector<Uuid> open_;
  std::map<Uuid, std::int64_t> open_requests_;
  std::vector<Uuid> kept_;  // when the piece began
  std::map<Uuid, std::int64_t> kept_requests_;
  CopyFailure failure_;
  bool connected_ = false;
};

}  // namespace usage_ingest::pipeline
