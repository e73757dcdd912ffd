#pragma once
// FakeBatchStore: BatchStore on a FakeDatabase, failing at every await point as the faults say.
//
// Each step first arrives (time passes, others run, the connection may be lost, the statement may
// be refused), has its effect, and returns (the reply may be lost). It passes the contract suite
// that PgBatchStore passes (tests/sim/batch_store_contract.h).
//
// Owner         one lane of a simulated process.
#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ingest/pipeline/batch_store.h"
#include "ingest/pipeline/runtime.h"
#include "tests/sim/fake_database.h"
#include "tests/sim/faults.h"

namespace usage_ingest::sim {

using pipeline::Batch;
using pipeline::Task;

struct StoreDependencies {
  FakeDatabase& database;
  Faults& faults;
  PlantedBug bug = PlantedBug::kNone;
  // The consumer's epoch now, and where to say that a batch of an older one was begun (INV-5).
  const std::atomic<std::uint64_t>& current_epoch;
  std::function<void(const std::string&)> violated;
};

class FakeBatchStore final : public pipeline::BatchStore {
 public:
  FakeBatchStore(StoreDependencies dependencies, const pipeline::Runtime& runtime)
      : dependencies_(std::move(dependencies)), runtime_(runtime) {}

  Task<Result<>> Connect() override;
  [[nodiscard]] bool connected() const override;
  [[nodiscard]] pipeline::CopyPath copy_path() const override { return pipeline::CopyPath::kBatch; }
  Task<> Reset() override;
  Task<Result<bool>> IsCommitted(const Batch& batch) override;
  Task<Result<std::vector<pipeline::AttributionAnswer>>> Attribute(
      std::span<const pipeline::AttributionQuestion> questions) override;
  Task<Result<>> EnsurePartition(EventTimeUs time) override;
  Task<Result<pipeline::BeginResult>> Begin(const Batch& batch,
                                            const pipeline::Parents& parents) override;
  Task<Result<>> BeginPiece() override;
  Task<Result<>> EndPiece(pipeline::PieceEnd end) override;
  Task<Result<std::vector<Uuid>>> LockJobs(std::span<const Uuid> ids) override;
  Task<Result<std::int64_t>> CopyRows(std::span<const UsageRow* const> rows) override;
  Task<Result<pipeline::StagedRows>> StageRows(std::span<const UsageRow* const> rows) override;
  [[nodiscard]] pipeline::CopyFailure failure() const override { return failure_; }
  Task<Result<pipeline::QuotaChanges>> AddSums(const aggregate::Deltas& deltas) override;
  Task<Result<>> AddDeadLetters(std::span<const pipeline::DeadLetter> letters) override;
  Task<Result<>> RecordOutcomes(const Batch& batch) override;
  Task<Result<>> Commit() override;

  // The process is gone: its session ends, and whatever it tries from now on is kFatal.
  void Kill();
  [[nodiscard]] SessionId session() const { return session_; }

 private:
  Task<> Latency();
  Task<Result<>> Enter(Step step);
  Task<Result<>> Arrive(Step step);
  Task<Result<>> Return();
  Task<Result<>> Open();
  Task<Result<>> Lock(LockKey key, LockMode mode);
  Task<Result<>> LockParents(const pipeline::Parents& parents);
  Result<> Lose(std::string_view how);
  Result<> Refuse(ErrorCode code, std::string_view why);
  Result<> CompareAndSet(const Batch& batch, Transaction& transaction);
  [[nodiscard]] pipeline::Parents GoneOf(const pipeline::Parents& parents) const;
  enum class OnDuplicate : unsigned char { kFail, kSkip };
  Task<Result<bool>> InsertRow(const UsageRow& row, OnDuplicate on_duplicate);
  void NoteCall();
  [[nodiscard]] bool RefusesSums(const aggregate::Deltas& deltas) const;
  std::int64_t AddQuotas(Transaction& transaction, const aggregate::Deltas& deltas);
  Task<Result<>> CommitRowsFirst();

  [[nodiscard]] Tables& tables() { return dependencies_.database.tables(); }
  [[nodiscard]] const Tables& tables() const { return dependencies_.database.tables(); }
  [[nodiscard]] bool has(PlantedBug bug) const { return dependencies_.bug == bug; }

  StoreDependencies dependencies_;
  pipeline::Runtime runtime_;
  SessionId session_ = 0;
  bool is_killed_ = false;
  AwaitPoint at_;
  pipeline::CopyFailure failure_;
  std::optional<Transaction> before_piece_;  // a piece has begun
  std::optional<pipeline::TimePoint> blocked_since_;
  // The epoch when the writer came with its present batch, right after it had looked itself.
  std::optional<std::uint64_t> epoch_of_call_;

  // What planted bugs remember.
  bool is_in_doubt_ = false;
  bool was_staged_ = false;
  aggregate::Deltas kept_;
  std::set<std::string> kept_models_;  // kept_'s views point into it
};

}  // namespace usage_ingest::sim
