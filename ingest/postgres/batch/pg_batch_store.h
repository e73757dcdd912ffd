#pragma once
// PgBatchStore: the steps of a batch's transaction on a real PostgreSQL.
//
// Owner         one lane; its executor's thread.
// Errors        as BatchStore says.
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "ingest/pipeline/batch_store.h"
#include "ingest/postgres/batch/foreign_keys.h"
#include "ingest/postgres/batch/progress_store.h"
#include "ingest/postgres/batch/quota_update.h"
#include "ingest/postgres/batch/stalled_session_watch.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::batch {

struct PgBatchStoreOptions {
  std::string conninfo;
  std::string application_name;  // usage-ingestd/<lane>
  ForeignKeys foreign_keys = ForeignKeys::kAuto;
  bool dry_run = false;     // ROLLBACK in the place of COMMIT
  bool has_history = true;  // usage_ingest.usage_daily
  bool has_quota_periods = false;
  bool keeps_spend = false;                        // subscriptions.current_spend
  bool keeps_last_used = false;                    // api_keys.last_used_at
  std::vector<std::int64_t> warn_at_percent = {};  // of a quota
};

class PgBatchStore final : public pipeline::BatchStore {
 public:
  // `progress` outlives the store.
  PgBatchStore(boost::asio::any_io_executor executor, PgBatchStoreOptions options,
               const ProgressStore& progress);

  pipeline::Task<Result<>> Connect() override;
  [[nodiscard]] bool connected() const override { return connection_.connected(); }
  [[nodiscard]] pipeline::CopyPath copy_path() const override {
    return skips_constraints_ ? pipeline::CopyPath::kBatch : pipeline::CopyPath::kConstraints;
  }
  pipeline::Task<> Reset() override;
  pipeline::Task<Result<bool>> IsCommitted(const pipeline::Batch& batch) override;
  pipeline::Task<Result<std::vector<pipeline::AttributionAnswer>>> Attribute(
      std::span<const pipeline::AttributionQuestion> questions) override;
  pipeline::Task<Result<>> EnsurePartition(EventTimeUs time) override;
  pipeline::Task<Result<pipeline::BeginResult>> Begin(const pipeline::Batch& batch,
                                                      const pipeline::Parents& parents) override;
  pipeline::Task<Result<>> BeginPiece() override;
  pipeline::Task<Result<>> EndPiece(pipeline::PieceEnd end) override;
  pipeline::Task<Result<std::vector<Uuid>>> LockJobs(std::span<const Uuid> ids) override;
  pipeline::Task<Result<std::int64_t>> CopyRows(std::span<const UsageRow* const> rows) override;
  pipeline::Task<Result<pipeline::StagedRows>> StageRows(
      std::span<const UsageRow* const> rows) override;
  [[nodiscard]] pipeline::CopyFailure failure() const override { return failure_; }
  pipeline::Task<Result<pipeline::QuotaChanges>> AddSums(const aggregate::Deltas& deltas) override;
  pipeline::Task<Result<>> AddDeadLetters(std::span<const pipeline::DeadLetter> letters) override;
  pipeline::Task<Result<>> RecordOutcomes(const pipeline::Batch& batch) override;
  pipeline::Task<Result<>> Commit() override;

  [[nodiscard]] session::AsyncConnection& connection() noexcept { return connection_; }

 private:
  pipeline::Task<Result<>> AskCatalogue();
  pipeline::Task<Result<>> EnterCopyPath();
  pipeline::Task<Result<>> LeaveCopyPath();
  pipeline::Task<Result<std::int64_t>> Copy(const char* sql, std::span<const UsageRow* const> rows);
  pipeline::Task<Result<std::vector<Uuid>>> FindDeclined();
  // `begun`: when the statements that failed did.
  [[nodiscard]] std::unexpected<Error> Failed(
      const Error& error,
      std::chrono::steady_clock::time_point begun = std::chrono::steady_clock::now());
  void StartWatch(std::chrono::milliseconds start_after);
  void StopWatch();

  boost::asio::any_io_executor executor_;
  PgBatchStoreOptions options_;
  const ProgressStore& progress_;
  session::AsyncConnection connection_;
  bool skips_constraints_ = false;  // copy_path.h
  bool has_triggers_ = false;       // of usage_logs, and they fire for our rows
  Spend spend_ = Spend::kLeftAlone;
  std::string copy_path_version_;    // when these two were decided
  bool is_stage_used_ = false;       // in this transaction: the stage has rows of an earlier piece
  bool is_in_piece_ = false;         // in this transaction a piece was begun
  bool letter_ids_collide_ = false;  // the sequence of dead_letters is behind its table
  pipeline::CopyFailure failure_;
  // Since when each attempt of this batch was refused a lock.
  std::optional<std::chrono::steady_clock::time_point> blocked_since_;
  std::shared_ptr<StalledSessionWatch> watch_;  // of a transaction that waits for long
  std::shared_ptr<StalledSessionWatch::Activities> activities_ =
      std::make_shared<StalledSessionWatch::Activities>();
};

}  // namespace usage_ingest::postgres::batch
