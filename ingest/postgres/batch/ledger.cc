#include "ingest/postgres/batch/ledger.h"

#include <utility>

#include "ingest/postgres/batch/batch_params.h"
#include "ingest/postgres/batch/statements.h"

namespace usage_ingest::postgres::batch {
namespace {

// One shape for both: `reader` is $1 of every statement and names whose rows they are.
struct OffsetStatements {
  const char* claim;
  const char* count_outcomes;
  const char* read_offsets;
};

constexpr OffsetStatements kGroupStatements = {sql::kMoveOffsets, sql::kCountOutcomes,
                                               sql::kReadOffsets};
constexpr OffsetStatements kReplayStatements = {sql::kMoveReplay, sql::kCountReplayOutcomes,
                                                sql::kReadReplayOffsets};

class OffsetLedger final : public Ledger {
 public:
  OffsetLedger(const OffsetStatements& statements, std::string reader, std::string group_id)
      : statements_(statements), reader_(std::move(reader)), group_id_(std::move(group_id)) {}

  session::Statement Claim(const pipeline::Batch& batch) const override {
    return {statements_.claim, MoveParams(reader_, batch.partitions)};
  }
  std::size_t ClaimedRows(const pipeline::Batch& batch) const override {
    return batch.partitions.size();
  }
  void Settle(const pipeline::Batch& batch,
              std::vector<session::Statement>& statements) const override {
    if (!batch.dead_letters.empty()) {
      statements.push_back({sql::kAddDeadLetters, DeadLetterParams(group_id_, batch.dead_letters)});
    }
    statements.push_back({statements_.count_outcomes, OutcomeParams(reader_, batch.partitions)});
  }
  session::Statement ReadOffsets(const pipeline::Batch& batch) const override {
    return {statements_.read_offsets, PositionParams(reader_, batch.partitions)};
  }

 private:
  const OffsetStatements& statements_;
  std::string reader_;
  std::string group_id_;
};

class DryRunLedger final : public Ledger {
 public:
  session::Statement Claim(const pipeline::Batch&) const override { return {"SELECT 1", {}}; }
  std::size_t ClaimedRows(const pipeline::Batch&) const override { return 1; }
  void Settle(const pipeline::Batch& batch,
              std::vector<session::Statement>& statements) const override {
    if (batch.dead_letters.empty()) return;
    statements.push_back({sql::kAddDeadLetters, DeadLetterParams("", batch.dead_letters)});
  }
  session::Statement ReadOffsets(const pipeline::Batch&) const override { return {nullptr, {}}; }
};

}  // namespace

std::unique_ptr<Ledger> MakeDryRunLedger() { return std::make_unique<DryRunLedger>(); }

std::unique_ptr<Ledger> MakeGroupLedger(std::string group_id) {
  std::string reader = group_id;
  return std::make_unique<OffsetLedger>(kGroupStatements, std::move(reader), std::move(group_id));
}

std::unique_ptr<Ledger> MakeReplayLedger(std::string group_id,
                                         std::vector<std::int64_t> replay_ids) {
  std::string reader;
  for (std::int64_t id : replay_ids) {
    if (!reader.empty()) reader += ',';
    reader += std::to_string(id);
  }
  return std::make_unique<OffsetLedger>(kReplayStatements, std::move(reader), std::move(group_id));
}

}  // namespace usage_ingest::postgres::batch
