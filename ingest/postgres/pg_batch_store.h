#pragma once
// PgBatchStore: the steps of a batch's transaction on a real PostgreSQL.
//
// Owner         one lane; its executor's thread.
// Errors        as BatchStore says. A data error outside the COPY of rows is kUnavailable: the rows
//               are good, a person must mend what stands in the way, and we hold.
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "ingest/pipeline/batch_store.h"
#include "ingest/postgres/async_connection.h"
#include "ingest/postgres/ledger.h"
#include "ingest/postgres/zombie.h"

namespace usage_ingest::ingest {

// How COPY treats foreign keys and triggers (config postgres.foreign_keys).
enum class ForeignKeys : unsigned char {
  kAuto,         // kBatch when the role may, else kConstraints
  kBatch,        // the batch's locks on the parents replace the constraints
  kConstraints,  // constraints and triggers stay on
};

struct PgBatchStoreOptions {
  std::string conninfo;
  std::string application_name;  // usage-ingestd/<lane>
  ForeignKeys foreign_keys = ForeignKeys::kAuto;
  bool dry_run = false;  // ROLLBACK in the place of COMMIT
};

class PgBatchStore final : public BatchStore {
 public:
  PgBatchStore(boost::asio::any_io_executor executor, PgBatchStoreOptions options,
               std::unique_ptr<Ledger> ledger);

  Task<Result<>> Connect() override;
  [[nodiscard]] bool connected() const override { return connection_.connected(); }
  Task<> Reset() override;
  Task<Result<bool>> IsCommitted(const Batch& batch) override;
  Task<Result<std::vector<AttributionAnswer>>> Attribute(
      std::span<const AttributionQuestion> questions) override;
  Task<Result<>> EnsurePartition(EventTimeUs month_start) override;
  Task<Result<Parents>> Begin(const Batch& batch, const Parents& parents) override;
  Task<Result<>> BeginTrial() override;
  Task<Result<std::int64_t>> CopyRows(std::span<const UsageRow* const> rows) override;
  Task<Result<std::vector<Uuid>>> StageRows(std::span<const UsageRow* const> rows) override;
  [[nodiscard]] CopyFailure failure() const override { return failure_; }
  Task<Result<std::int64_t>> Apply(const aggregate::Deltas& deltas, const Batch& batch) override;
  Task<Result<>> Commit() override;

  // Known after Connect(): do rows skip triggers and foreign keys?
  [[nodiscard]] bool skips_constraints() const noexcept { return skips_constraints_; }
  [[nodiscard]] AsyncConnection& connection() noexcept { return connection_; }

 private:
  Task<Result<>> ChooseCopyPath();
  Task<Result<>> EnterCopyPath();
  Task<Result<>> LeaveCopyPath();
  Task<Result<std::int64_t>> Copy(const char* sql, std::span<const UsageRow* const> rows);
  [[nodiscard]] std::unexpected<Error> Failed(const Error& error);
  void StopWatch();

  boost::asio::any_io_executor executor_;
  PgBatchStoreOptions options_;
  std::unique_ptr<Ledger> ledger_;
  AsyncConnection connection_;
  bool skips_constraints_ = false;
  CopyFailure failure_;
  // Since when this batch has met a lock that does not go away.
  std::optional<std::chrono::steady_clock::time_point> blocked_since_;
  std::shared_ptr<ZombieWatch> watch_;  // of a transaction that was blocked for long
  std::shared_ptr<ZombieWatch::Signs> heard_of_ = std::make_shared<ZombieWatch::Signs>();
};

}  // namespace usage_ingest::ingest
